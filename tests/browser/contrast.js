// What contrast.py reads: each visible text with its colour and the colour behind its middle, as three numbers each.
() => {
  // [r, g, b, a] of a computed colour, rgb(…) or color(srgb …); null of "none".
  const parsed = (colour) => {
    const unit = colour.startsWith("color(srgb ") ? 255 : 1;
    if (unit === 1 && !colour.startsWith("rgb")) return null;
    const numbers = colour.replace("srgb", "").match(/[0-9.]+(e-?[0-9]+)?/g).map(Number);
    return [...numbers.slice(0, 3).map((n) => n * unit), numbers[3] ?? 1];
  };
  const over = (top, below) => below.map((c, i) => top[i] * top[3] + c * (1 - top[3]));

  const opacity = (element) => {
    let product = 1;
    for (let at = element; at; at = at.parentElement) product *= Number(getComputedStyle(at).opacity);
    return product;
  };

  // What an element paints behind a text; null if nothing.
  const paint = (element) => {
    const style = getComputedStyle(element);
    const isShape = element instanceof SVGGeometryElement;
    const colour = parsed(isShape ? style.fill : style.backgroundColor);
    if (colour == null || (element instanceof SVGElement && !isShape && element.tagName !== "svg")) return null;
    colour[3] *= (isShape ? Number(style.fillOpacity) : 1) * opacity(element);
    return colour;
  };

  const canvas = matchMedia("(prefers-color-scheme: dark)").matches &&
    getComputedStyle(document.documentElement).colorScheme.includes("dark") ? [18, 18, 18] : [255, 255, 255];

  const measured = (text, name) => {
    text.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
    const place = text.getBoundingClientRect();
    const stack = document.elementsFromPoint(place.x + place.width / 2, place.y + place.height / 2);
    if (stack.length === 0) return null; // off the page, as what only the keyboard brings in
    const behind = stack.slice(Math.max(0, stack.indexOf(text))).reverse(); // an element's own background, too
    const paper = behind.map(paint).filter(Boolean).reduce((below, top) => over(top, below), canvas);
    const style = getComputedStyle(text);
    const ink = parsed(text instanceof SVGElement ? style.fill : style.color);
    ink[3] *= (text instanceof SVGElement ? Number(style.fillOpacity) : 1) * opacity(text);
    return [name, over(ink, paper), paper];
  };

  const seen = (element) =>
    element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && element.getClientRects().length > 0;
  const ownText = (element) =>
    [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data).join("").trim();

  const words = [...document.body.querySelectorAll("*")].filter((element) =>
    !(element instanceof SVGElement) && !element.matches("script, style, noscript, option") && ownText(element));
  const labels = [...document.querySelectorAll("svg text")].filter((text) => text.textContent.trim());
  return [
    ...labels.filter(seen).map((text) => measured(text, text.textContent.trim())),
    ...words.filter(seen).map((element) => measured(element, ownText(element).slice(0, 60))),
  ].filter(Boolean);
}
