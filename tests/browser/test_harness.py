"""The harness itself: what it complains of, and which browser it finds."""

from __future__ import annotations

import sys

import pytest

from .chromium import find_chromium, launch_options
from .conftest import unavailable
from .watch import is_local


def test_a_quiet_page_passes(watch, open_html):
    page = open_html("<title>quiet</title><script>console.log('fine'); console.warn('still fine')</script>")
    assert page.title() == "quiet"
    watch.check()


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("console.error('broken pipe')", "console: broken pipe"),
        ("null.length", "exception: .*null"),
        ("new Image().src = 'https://example.org/pixel.png'", "request: https://example.org/pixel.png"),
        ("fetch('http://192.0.2.1/').catch(() => 0)", "request: http://192.0.2.1/"),
    ],
)
def test_a_page_that_misbehaves_fails_its_test(watch, open_html, script, complaint):
    page = open_html("<title>loud</title>")
    page.add_script_tag(content=script)
    page.wait_for_timeout(100)
    with pytest.raises(AssertionError, match=complaint):
        watch.check()
    watch.expect(complaint)
    watch.expect("net::ERR_FAILED")  # what Chromium logs of a request that was stopped
    watch.check()


def test_colour_scheme_and_width_follow_the_fixtures(open_html, dark, narrow):
    page = open_html("<style>:root { color-scheme: light dark; }</style>")
    assert page.evaluate("[innerWidth, matchMedia('(prefers-color-scheme: dark)').matches]") == [360, True]


@pytest.mark.parametrize("url", ["file:///x", "data:,x", "about:blank", "http://127.0.0.1:8080/", "http://localhost/"])
def test_local(url):
    assert is_local(url)


@pytest.mark.parametrize("url", ["https://example.org", "http://10.0.0.1/", "ws://example.org/x", "//example.org"])
def test_not_local(url):
    assert not is_local(url)


def test_the_variable_names_the_browser(monkeypatch):
    monkeypatch.setenv("THALWEG_CHROMIUM", sys.executable)
    assert find_chromium() == sys.executable
    monkeypatch.setenv("THALWEG_CHROMIUM", "/nowhere/chromium")
    assert find_chromium() is None


def test_no_browser_on_the_path(monkeypatch, tmp_path):
    monkeypatch.delenv("THALWEG_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_chromium() is None
    (tmp_path / "chromium-browser").touch(0o755)
    assert find_chromium() == str(tmp_path / "chromium-browser")


@pytest.mark.parametrize(("user", "args"), [(0, ["--no-sandbox"]), (1000, [])])
def test_only_root_goes_without_the_sandbox(monkeypatch, user, args):
    monkeypatch.setattr("os.geteuid", lambda: user, raising=False)
    assert launch_options("/usr/bin/chromium") == {"executable_path": "/usr/bin/chromium", "args": args}


def test_a_missing_browser_skips_or_fails(monkeypatch):
    monkeypatch.delenv("THALWEG_REQUIRE_BROWSER", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no Chromium"):
        unavailable("no Chromium")
    monkeypatch.setenv("THALWEG_REQUIRE_BROWSER", "1")
    with pytest.raises(pytest.fail.Exception, match="no Chromium"):
        unavailable("no Chromium")
