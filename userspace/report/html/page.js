'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const byId = id => document.getElementById(id);

// Everything that comes from the target gets into the page as text, never as markup.
function add(parent, tag, text, className) {
  const element = document.createElement(tag);
  if (text !== undefined && text !== null) element.textContent = text;
  if (className) element.className = className;
  parent.append(element);
  return element;
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
function bytes(value) {
  let unit = 0, size = Math.abs(value);
  while (size >= 1024 && unit < units.length - 1) { size /= 1024; unit++; }
  return (value < 0 ? '-' : '') + (unit && size < 10 ? size.toFixed(2) : size >= 100 || !unit ? Math.round(size) : size.toFixed(1)) + ' ' + units[unit];
}
const count = value => Number.isInteger(value) ? value.toLocaleString('en-US') : value.toFixed(Math.abs(value) < 10 ? 1 : 0);
const amount = (value, unit) => unit === 'bytes' ? bytes(value) : count(value);
const signed = (value, unit) => value === null ? '' : (value > 0 ? '+' : '') + amount(value, unit);
const percent = (part, whole) => whole > 0 ? (100 * part / whole).toFixed(1) + ' %' : '';
function duration(seconds) {
  if (seconds === null || !isFinite(seconds)) return 'not known';
  if (seconds < 120) return Math.floor(seconds) + ' s';
  if (seconds < 7200) return Math.floor(seconds / 60) + ' min';
  if (seconds < 172800) return Math.floor(seconds / 3600) + ' h ' + Math.floor(seconds % 3600 / 60) + ' min';
  return Math.floor(seconds / 86400) + ' d ' + Math.floor(seconds % 86400 / 3600) + ' h';
}
function reached(forecast) {
  const range = forecast.high_s === null ? duration(forecast.low_s) + ' at the earliest' : duration(forecast.low_s) + ' to ' + duration(forecast.high_s);
  return forecast.limit + ': reached in ' + duration(forecast.in_s) + ' (' + range + ')';
}
const frameName = frame => data.texts[data.frames[frame][0]];
function framePlace(frame) {
  const [, file, line, module] = data.frames[frame];
  return file ? data.texts[file] + (line ? ':' + line : '') : data.texts[module];
}

function table(parent, heads, rows) {
  const scroll = add(parent, 'div', null, 'scroll');
  const body = add(scroll, 'table');
  const head = add(add(body, 'thead'), 'tr');
  heads.forEach(([text, className]) => add(head, 'th', text, className));
  const lines = add(body, 'tbody');
  return rows.map(row => {
    const line = add(lines, 'tr');
    row.forEach((text, i) => add(line, 'td', text, heads[i][1]));
    return line;
  });
}

function writeHead() {
  const names = data.processes.map(process => process.command + ' (pid ' + process.pid + ')');
  byId('title').textContent = names.slice(0, 3).join(', ') + (names.length > 3 ? ' and ' + (names.length - 3) + ' more' : '') || 'no process';
  const parts = ['attached ' + duration(data.attached_s), data.time];
  if (data.end_reason) parts.push('ended: ' + data.end_reason);
  if (data.selection) parts.push('stacks: ' + data.selection);
  byId('about').textContent = parts.join(' · ');
  data.coverage.warnings.forEach(text => add(byId('warnings'), 'p', text, 'warning'));
}

function writeFinding(parent, finding) {
  const box = add(parent, 'article', null, 'finding ' + finding.verdict);
  const head = add(box, 'p');
  add(head, 'span', finding.verdict.toUpperCase(), 'verdict');
  add(head, 'span', finding.headline, 'headline');
  if (finding.place) add(head, 'span', '  ' + finding.place, 'place');
  add(box, 'p', finding.reason);
  finding.evidence.forEach(text => add(box, 'p', text, 'soft'));
  if (finding.parts.length)
    add(box, 'p', 'held now: ' + finding.parts.map(part => (part.bytes ? bytes(part.bytes) + ' in ' : '') + count(part.count) + ' ' + part.title).join(', '));
  if (finding.forecast) add(box, 'p', reached(finding.forecast));
  if (finding.interim) add(box, 'p', 'Until it is mended: ' + finding.interim, 'interim');
}

function writeFindings() {
  const section = byId('findings');
  add(section, 'h2', 'Findings');
  data.processes.forEach(process => {
    if (data.processes.length > 1) add(section, 'h3', process.command + ' (pid ' + process.pid + ')');
    process.findings.forEach(finding => writeFinding(section, finding));
    if (!process.findings.length) add(section, 'p', process.why_no_verdict || 'Nothing was found that leaks, grows, or is held in a wrong state.', 'soft');
  });
}

function writeTotals() {
  const section = byId('totals');
  add(section, 'h2', 'Held now');
  data.processes.forEach(process => {
    add(section, 'h3', process.command + ' (pid ' + process.pid + ')' + (process.about ? ' · ' + process.about : ''));
    const memory = [];
    if (process.rss_bytes !== null) memory.push('RSS ' + bytes(process.rss_bytes) + (process.rss_growth !== null ? ', ' + signed(process.rss_growth, 'bytes') + '/min' : ''));
    if (process.limit_bytes !== null) memory.push('limit ' + bytes(process.limit_bytes));
    if (process.forecast) memory.push(reached(process.forecast));
    if (memory.length) add(section, 'p', memory.join(' · '));
    if (!process.kinds.length) return void add(section, 'p', 'nothing seen', 'soft');
    const of = ([number, size], kind) => kind.has_bytes ? bytes(size) + ' in ' + count(number) : count(number);
    table(section, [['kind', 'left'], ['bytes'], ['count'], ['oldest'], ['per minute'], ['allocated in total'], ['released'], ['', 'left wrap']],
      process.kinds.map(kind => [kind.title, kind.has_bytes ? bytes(kind.held[1]) : '', count(kind.held[0]), kind.oldest_s === null ? '' : duration(kind.oldest_s),
        kind.growth ? signed(kind.growth[kind.has_bytes ? 1 : 0], kind.has_bytes ? 'bytes' : 'count') : '', of(kind.acquired, kind), of(kind.released, kind),
        [kind.lost ? count(kind.lost) + ' not recorded' : '', kind.note].filter(text => text).join('; ')]));
  });
}

// The flame graph: a tree of frames by name, drawn from the outermost (or, inverted, the innermost) frame down.
const rowHeight = 19, leastWidth = 0.6, mostStacks = 15;
const view = { root: null, zoomed: null, boxes: [], hover: null, total: 0 };

function chosen() {
  return { process: byId('process').value, kind: byId('kind').value, what: byId('what').value, unit: byId('unit').value,
    inverted: byId('inverted').checked, search: byId('search').value.toLowerCase() };
}
const valueOf = (stack, choice) => stack[choice.what][choice.unit === 'bytes' ? 1 : 0];

function chosenStacks(choice) {
  const rows = [];
  data.processes.forEach((process, index) => {
    if (choice.process !== 'all' && Number(choice.process) !== index) return;
    process.stacks.forEach(stack => { if (process.kinds[stack.kind].kind === choice.kind && valueOf(stack, choice) > 0) rows.push({ process, index, stack }); });
  });
  return rows.sort((a, b) => valueOf(b.stack, choice) - valueOf(a.stack, choice));
}

function newNode(name, type, frame, parent) { return { name, type, frame, parent, value: 0, children: new Map(), depth: parent ? parent.depth + 1 : 0 }; }
function buildTree(rows, choice) {
  const root = newNode('all', 'other', null, null);
  const several = new Set(rows.map(row => row.index)).size > 1;
  rows.forEach(({ process, stack }) => {
    const value = valueOf(stack, choice);
    let frames = stack.frames.map(frame => [frameName(frame), data.frames[frame][4] ? 'own' : 'other', frame]);
    if (stack.place) frames = [[stack.place, 'none', null]];
    else if (!stack.complete) frames = frames.concat([['[incomplete stack]', 'none', null]]);
    if (!choice.inverted) frames.reverse();
    if (several) frames.unshift([process.command + ' (pid ' + process.pid + ')', 'other', null]);
    let node = root;
    node.value += value;
    frames.forEach(([name, type, frame]) => {
      let child = node.children.get(name);
      if (!child) node.children.set(name, child = newNode(name, type, frame, node));
      child.value += value;
      node = child;
    });
  });
  return root;
}

function layOut(width) {
  view.boxes = [];
  const zoomed = view.zoomed, above = [];
  for (let node = zoomed.parent; node; node = node.parent) above.unshift(node);
  above.forEach(node => view.boxes.push({ node, x: 0, width, y: node.depth * rowHeight, faded: true }));
  const queue = [[zoomed, 0, width]];
  let deepest = zoomed.depth;
  while (queue.length) {
    const [node, x, wide] = queue.pop();
    view.boxes.push({ node, x, width: wide, y: node.depth * rowHeight });
    deepest = Math.max(deepest, node.depth);
    let at = x;
    [...node.children.values()].sort((a, b) => b.value - a.value || (a.name < b.name ? -1 : 1)).forEach(child => {
      const part = wide * child.value / node.value;
      if (part >= leastWidth) queue.push([child, at, part]);
      at += part;
    });
  }
  return (deepest + 1) * rowHeight;
}

function draw() {
  const canvas = byId('canvas'), choice = chosen();
  const width = byId('graph').clientWidth || 1000, scale = window.devicePixelRatio || 1;
  const height = layOut(width);
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.height = height + 'px';
  const pen = canvas.getContext('2d'), style = getComputedStyle(document.documentElement);
  const color = name => style.getPropertyValue('--' + name).trim();
  const colors = { own: color('own'), other: color('other'), none: color('none'), hit: color('hit') };
  const ink = color('on-flame');
  pen.scale(scale, scale);
  pen.font = '12px ui-monospace, "DejaVu Sans Mono", monospace';
  pen.textBaseline = 'middle';
  const letter = pen.measureText('m').width;
  view.boxes.forEach(box => {
    const found = choice.search && box.node.name.toLowerCase().includes(choice.search);
    pen.globalAlpha = box.faded ? 0.5 : choice.search && !found ? 0.55 : 1;
    pen.fillStyle = found ? colors.hit : colors[box.node.type];
    pen.fillRect(box.x, box.y, Math.max(box.width - 1, leastWidth), rowHeight - 1);
    pen.globalAlpha = 1;
    const letters = Math.floor((box.width - 8) / letter);
    if (letters < 3) return;
    pen.fillStyle = ink;
    const name = box.node.name;
    pen.fillText(name.length <= letters ? name : name.slice(0, letters - 1) + '…', box.x + 4, box.y + rowHeight / 2);
  });
}

// What is found counts once where it calls itself.
function foundIn(node, search) {
  if (node.parent && node.name.toLowerCase().includes(search)) return node.value;
  let sum = 0;
  node.children.forEach(child => { sum += foundIn(child, search); });
  return sum;
}

function describe() {
  const choice = chosen(), zoomed = view.zoomed;
  let text = amount(view.root.value, choice.unit) + (choice.unit === 'count' ? ' in number' : '') + ' in ' + count(view.stackCount) + ' stacks';
  if (zoomed !== view.root) text += ' · zoomed to ' + zoomed.name + ': ' + amount(zoomed.value, choice.unit) + ' (' + percent(zoomed.value, view.root.value) + ')';
  if (choice.search) {
    const found = foundIn(view.root, choice.search);
    text += ' · found: ' + amount(found, choice.unit) + ' (' + percent(found, view.root.value) + ')';
  }
  byId('shown').textContent = text;
}

function writeStacks(rows, choice) {
  const parent = byId('stacks');
  parent.textContent = '';
  const shown = rows.slice(0, mostStacks), total = view.root.value;
  const lines = table(parent, [[choice.unit], ['of all'], ['per minute'], ['who took it', 'left wrap']], shown.map(({ stack }) => [
    amount(valueOf(stack, choice), choice.unit), percent(valueOf(stack, choice), total),
    stack.growth ? signed(stack.growth[choice.unit === 'bytes' ? 1 : 0], choice.unit) : '', stack.place || stack.headline]));
  lines.forEach((line, i) => {
    const stack = shown[i].stack, cell = line.lastChild;
    cell.classList.add('name');
    if (!stack.frames.length) return;
    line.classList.add('pick');
    line.addEventListener('click', () => {
      const open = cell.querySelector('ul');
      if (open) return void open.remove();
      const list = add(cell, 'ul');
      stack.frames.forEach(frame => {
        const item = add(list, 'li', frameName(frame));
        add(item, 'span', '  ' + framePlace(frame), 'place');
      });
      if (stack.why_incomplete) add(list, 'li', 'incomplete: ' + stack.why_incomplete);
    });
  });
  if (rows.length > mostStacks) add(parent, 'p', 'and ' + count(rows.length - mostStacks) + ' more stacks, which are in the graph', 'soft');
}

function update() {
  const choice = chosen(), rows = chosenStacks(choice);
  view.root = view.zoomed = buildTree(rows, choice);
  view.stackCount = rows.length;
  draw();
  describe();
  writeStacks(rows, choice);
}

function kindsOf(choice) {
  const kinds = new Map();
  data.processes.forEach((process, index) => {
    if (choice !== 'all' && Number(choice) !== index) return;
    process.kinds.forEach(kind => { if (!kinds.has(kind.kind)) kinds.set(kind.kind, kind); else if (kind.has_bytes) kinds.set(kind.kind, kind); });
  });
  return kinds;
}

function offerKinds() {
  const select = byId('kind'), before = select.value, kinds = kindsOf(byId('process').value);
  select.textContent = '';
  kinds.forEach(kind => { add(select, 'option', kind.title).value = kind.kind; });
  if (kinds.has(before)) select.value = before;
  offerUnits();
}
function offerUnits() {
  const kind = kindsOf(byId('process').value).get(byId('kind').value);
  const unit = byId('unit');
  unit.disabled = !kind || !kind.has_bytes;
  unit.value = kind && kind.has_bytes ? 'bytes' : 'count';
}

function boxAt(event) {
  const place = byId('canvas').getBoundingClientRect(), x = event.clientX - place.left, y = event.clientY - place.top;
  return view.boxes.find(box => y >= box.y && y < box.y + rowHeight && x >= box.x && x < box.x + box.width);
}
function zoomTo(node) { view.zoomed = node; draw(); describe(); }

function showTip(event) {
  const tip = byId('tip'), box = boxAt(event);
  tip.hidden = !box;
  if (!box) return;
  const choice = chosen(), node = box.node;
  tip.textContent = '';
  add(tip, 'div', node.name, 'name');
  if (node.frame !== null) add(tip, 'div', framePlace(node.frame), 'place');
  add(tip, 'div', amount(node.value, choice.unit) + ' · ' + percent(node.value, view.root.value) + ' of all');
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = Math.max(8, Math.min(event.clientX + 14, window.innerWidth - width - 8)) + 'px';
  tip.style.top = Math.max(8, Math.min(event.clientY + 18, window.innerHeight - height - 8)) + 'px';
}

function prepareFlames() {
  const select = byId('process');
  if (data.processes.length > 1) add(select, 'option', 'all').value = 'all';
  data.processes.forEach((process, index) => { add(select, 'option', process.command + ' (pid ' + process.pid + ')').value = String(index); });
  byId('process-choice').hidden = data.processes.length < 2;
  offerKinds();
  select.addEventListener('change', () => { offerKinds(); update(); });
  byId('kind').addEventListener('change', () => { offerUnits(); update(); });
  ['what', 'unit', 'inverted'].forEach(id => byId(id).addEventListener('change', update));
  byId('search').addEventListener('input', () => { draw(); describe(); });
  byId('reset').addEventListener('click', () => { byId('search').value = ''; zoomTo(view.root); });
  const canvas = byId('canvas');
  canvas.addEventListener('click', event => { const box = boxAt(event); if (box) zoomTo(box.node); });
  canvas.addEventListener('mousemove', showTip);
  canvas.addEventListener('mouseleave', () => { byId('tip').hidden = true; });
  document.addEventListener('keydown', event => {
    if (event.key === 'Escape') zoomTo(view.root);
    if (event.key === 'Backspace' && document.activeElement === canvas && view.zoomed.parent) zoomTo(view.zoomed.parent);
  });
  window.addEventListener('resize', draw);
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  update();
}

function writePlot(parent, series) {
  const points = series.times_s.map((time, i) => [time, series.values[i]]).filter(([time, value]) => time !== null && value !== null);
  if (points.length < 2) return;
  const unit = series.name.endsWith('_bytes') ? 'bytes' : 'count';
  const values = points.map(([, value]) => value);
  const low = Math.min(...values), high = Math.max(...values), first = points[0][0], last = points[points.length - 1][0];
  const box = add(parent, 'figure', null, 'plot');
  box.style.margin = 0;
  add(box, 'span', amount(values[values.length - 1], unit), 'now');
  add(box, 'figcaption', series.name.replace(/_bytes$/, '').replaceAll('_', ' '));
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 300 80');
  svg.setAttribute('preserveAspectRatio', 'none');
  const x = time => 300 * (time - first) / (last - first || 1), middle = (low + high) / 2;
  const span = Math.max(high - low, Math.abs(high) * 0.1);  // what hardly moves is to look flat
  const y = value => span > 0 ? 40 - 72 * (value - middle) / span : 40;
  const line = points.map(([time, value], i) => (i ? 'L' : 'M') + x(time).toFixed(1) + ' ' + y(value).toFixed(1)).join('');
  [['area', line + 'L300 80L0 80Z'], ['', line]].forEach(([name, path]) => {
    const shape = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    if (name) shape.setAttribute('class', name);
    shape.setAttribute('d', path);
    svg.append(shape);
  });
  box.append(svg);
  const ends = add(box, 'div', null, 'ends');
  add(ends, 'span', duration(first));
  add(ends, 'span', amount(low, unit) + ' to ' + amount(high, unit));
  add(ends, 'span', duration(last));
}

function writeGrowth() {
  const section = byId('growth');
  if (!data.processes.some(process => process.series.length)) return;
  add(section, 'h2', 'Since the attach');
  data.processes.forEach(process => {
    if (!process.series.length) return;
    if (data.processes.length > 1) add(section, 'h3', process.command + ' (pid ' + process.pid + ')');
    const plots = add(section, 'div', null, 'plots');
    process.series.forEach(series => writePlot(plots, series));
  });
}

function writeCoverage() {
  const section = byId('coverage'), coverage = data.coverage;
  add(section, 'h2', 'Coverage');
  const list = add(section, 'ul');
  add(list, 'li', count(coverage.events_seen) + ' events seen, ' + count(coverage.events_lost) + ' lost; ' + coverage.probes + ' probes' +
    (coverage.cost_core_percent === null ? '' : '; about ' + coverage.cost_core_percent.toFixed(1) + ' % of one core in the target'));
  add(list, 'li', count(coverage.stacks_complete) + ' stacks complete, ' + count(coverage.stacks_incomplete) + ' incomplete');
  coverage.losses.forEach(loss => add(list, 'li', loss));
  coverage.skipped.forEach(skipped => add(list, 'li', 'not covered: ' + skipped));
  coverage.notes.forEach(note => add(list, 'li', note));
}

writeHead();
writeFindings();
writeTotals();
prepareFlames();
writeGrowth();
writeCoverage();
document.body.dataset.drawn = 'yes';
