// What geometry.py reads: the visible texts, shapes and edges of every outermost SVG, in pixels of the page.
() => {
  const SHAPES = "rect, circle, ellipse, path, polygon, polyline, line";
  const round = (value) => Math.round(value * 100) / 100;
  const pictures = [...document.querySelectorAll("svg")].filter((svg) => svg.parentElement?.closest("svg") == null);

  // What stands in a hidden <g> or in <defs> has no place on the page, though checkVisibility says it is seen.
  const visible = (element) =>
    element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && element.getClientRects().length > 0;

  const corners = (box, inset_x = 0, inset_y = 0) => {
    const [x0, y0] = [box.x + inset_x, box.y + inset_y];
    const [x1, y1] = [box.x + box.width - inset_x, box.y + box.height - inset_y];
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]].map(([x, y]) => new DOMPoint(x, y));
  };

  const onPage = (matrix) => (point) => {
    const at = point.matrixTransform(matrix);
    return [round(at.x + scrollX), round(at.y + scrollY)];
  };

  const blocksAround = (element) => {
    const ids = [];
    for (let at = element.closest("g.node, g.group"); at; at = at.parentElement?.closest("g.node, g.group"))
      ids.unshift(at.dataset.id);
    return ids;
  };

  // Whether the text's letters lie within the shape itself; the box is taller than they are, by a fifth on each side.
  const inside = (text, shape) => {
    const box = text.getBBox();
    const over = shape.getScreenCTM().inverse().multiply(text.getScreenCTM());
    return corners(box, Math.min(0.5, box.width / 2), box.height * 0.2)
      .every((point) => shape.isPointInFill(point.matrixTransform(over)));
  };

  const measure = (element, svg) => {
    const block = element.closest("g.node, g.group");
    const isText = element.matches("text");
    const isShape = block?.firstElementChild === element && element.matches(".shape");
    const shape = block?.querySelector(":scope > .shape");
    return {
      kind: isText ? "text" : isShape ? (block.matches(".node") ? "node" : "group") : "shape",
      name: isText ? element.textContent.trim() : isShape ? block.dataset.id
        : [element.tagName, ...element.classList].join("."),
      corners: corners(element.getBBox()).map(onPage(element.getScreenCTM())),
      svg,
      blocks: blocksAround(element),
      inside: !isText || block == null || (shape != null && inside(element, shape)),
    };
  };

  const edge = (path, svg) => {
    const length = path.getTotalLength();
    const count = Math.max(2, Math.ceil(length / 4) + 1);
    const matrix = path.getScreenCTM();
    const points = Array.from({ length: count }, (_, i) =>
      onPage(matrix)(DOMPoint.fromPoint(path.getPointAtLength((length * i) / (count - 1)))));
    return { source: path.dataset.from, target: path.dataset.to, points, svg };
  };

  const found = { boxes: [], edges: [], frames: [] };
  pictures.forEach((picture, svg) => {
    const place = picture.getBoundingClientRect();
    found.frames.push({
      kind: "shape", name: "svg", svg, blocks: [], inside: true,
      corners: corners(place).map((point) => [round(point.x + scrollX), round(point.y + scrollY)]),
    });
    const texts = [...picture.querySelectorAll("text")].filter((text) => visible(text) && text.textContent.trim());
    const edges = [...picture.querySelectorAll("path.edge")].filter(visible);
    const shapes = [...picture.querySelectorAll(SHAPES)].filter((shape) => visible(shape) && !edges.includes(shape));
    for (const element of [...texts, ...shapes]) found.boxes.push(measure(element, svg));
    for (const path of edges) found.edges.push(edge(path, svg));
  });
  return found;
}
