(function () {
  const LONG = 20000;  // milliseconds without a connection, after which the training may well be gone
  const AGAIN = 2000;  // milliseconds until a refused connection is tried again
  const box = document.getElementById('live');
  const state = document.getElementById('live-state');
  const progress = document.getElementById('live-progress');
  const epochs = document.getElementById('live-epochs');
  const stop = document.getElementById('live-stop');
  let source = null;
  let lostAt = 0;
  let sentence = state.textContent;

  function say(text) { if (state.textContent !== text) { state.textContent = text; } }

  // Fragments come from our own server, which has escaped all text of the data.
  function exchange(body, html) {
    const within = Array.from(body.querySelectorAll('[tabindex], summary, [role="button"]'));
    const focused = within.indexOf(document.activeElement);
    const open = new Map(Array.from(body.querySelectorAll('details[id]'), function (one) { return [one.id, one.open]; }));
    const scrolled = Array.from(body.querySelectorAll('.scroll'), function (one) { return one.scrollLeft; });
    body.innerHTML = html;
    body.querySelectorAll('details[id]').forEach(function (one) {
      if (open.has(one.id)) { one.open = open.get(one.id); }
    });
    body.querySelectorAll('.scroll').forEach(function (one, i) { one.scrollLeft = scrolled[i] || 0; });
    if (focused >= 0) {
      const now = body.querySelectorAll('[tabindex], summary, [role="button"]')[focused];
      if (now) { now.focus({ preventScroll: true }); }
    }
  }

  function apply(update) {
    Object.entries(update.parts).forEach(function (part) {
      if (part[0] === 'network' && document.querySelector('[data-part="network"] svg')) { return; }
      exchange(document.querySelector('[data-part="' + part[0] + '"]'), part[1]);
    });
    document.querySelector('h1').textContent = update.name;
    document.title = update.name + (update.state === 'ended' ? ': report' : ': training');
    progress.max = update.epochs || 1;
    progress.value = update.done;
    epochs.textContent = update.done.toLocaleString('en') + ' of ' + update.epochs.toLocaleString('en') + ' epochs';
    sentence = update.sentence;
    say(sentence);
  }

  function lost() {
    lostAt = lostAt || Date.now();
    const since = new Date(lostAt).toLocaleTimeString();
    say(Date.now() - lostAt < LONG
      ? 'The connection is lost. Reconnecting…'
      : 'No connection since ' + since + ': the training may have been ended. Still trying to reconnect…');
  }

  function connect() {
    source = new EventSource('/events');
    source.onopen = function () { lostAt = 0; say(sentence); };
    source.addEventListener('update', function (event) { lostAt = 0; apply(JSON.parse(event.data)); });
    source.addEventListener('end', function (event) {
      source.close();
      apply(JSON.parse(event.data));
      box.dataset.state = 'ended';
      stop.disabled = true;
      stop.hidden = true;
    });
    source.onerror = function () {
      if (box.dataset.state === 'ended') { return; }
      lost();
      if (source.readyState === EventSource.CLOSED) { setTimeout(connect, AGAIN); }
    };
  }

  stop.addEventListener('click', function () {
    stop.disabled = true;
    fetch('/stop', { method: 'POST', headers: { 'X-Thalweg-Token': box.dataset.token } }).then(function (answer) {
      if (!answer.ok && answer.status !== 409) { throw new Error(String(answer.status)); }
    }).catch(function () {
      stop.disabled = false;
      say('The training could not be asked to stop. Ctrl-C in its terminal does.');
    });
  });

  connect();
})();
