(function () {
  const nav = document.querySelector('nav');
  const button = document.createElement('button');
  const all = function () { return Array.from(document.querySelectorAll('main details')); };
  const anyOpen = function () { return all().some(function (one) { return one.open; }); };
  function name() { button.textContent = anyOpen() ? 'Fold all' : 'Unfold all'; }
  button.type = 'button';
  button.className = 'fold-all';
  button.addEventListener('click', function () {
    const open = !anyOpen();
    all().forEach(function (one) { one.open = open; });
    name();
  });
  document.addEventListener('toggle', name, true);
  nav.querySelectorAll('a').forEach(function (link) {
    link.addEventListener('click', function () {
      document.querySelector(link.getAttribute('href') + ' > details').open = true;
    });
  });
  const item = document.createElement('li');
  item.className = 'fold-all';
  item.append(button);
  nav.querySelector('ul').append(item);
  name();
})();
