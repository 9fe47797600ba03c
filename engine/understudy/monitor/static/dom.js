// Making and changing elements, and how times and sizes are written.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// Sets text only when it changed, so that selections and screen readers are left in peace.
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function bar(share) {
  const inner = h('div');
  inner.style.width = `${100 * Math.min(1, Math.max(0, share || 0))}%`;
  return h('div', { class: 'bar' }, inner);
}

export function facts(pairs) {
  const rows = pairs.filter(([, value]) => value !== null && value !== undefined && value !== '');
  return h('dl', { class: 'facts' }, ...rows.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]));
}

export function choice(label, options, chosen, onchange) {
  const select = h('select', { 'aria-label': label, onchange: () => onchange(select.value) },
    ...options.map(([value, text]) => h('option', { value, selected: value === chosen }, text)));
  return select;
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return '';
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  if (whole < 172800) return `${Math.floor(whole / 3600)} h ${String(Math.floor(whole / 60) % 60).padStart(2, '0')} min`;
  return `${Math.floor(whole / 86400)} days ${Math.floor(whole / 3600) % 24} h`;
}

export function clock(seconds) {
  const time = new Date(1000 * seconds);
  const isToday = time.toDateString() === new Date().toDateString();
  const text = time.toLocaleTimeString('en-GB');
  return isToday ? text : `${time.toLocaleDateString('en-CA')} ${text}`;
}

export function amount(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  const size = Math.abs(value);
  if (size !== 0 && size < 0.001) return value.toExponential(1);
  if (size < 1) return value.toFixed(4);
  if (size < 100) return Number(value.toFixed(2)).toString();
  return Math.round(value).toLocaleString('en-US').replaceAll(',', ' ');
}

export function gibibytes(mebibytes) {
  return (mebibytes / 1024).toFixed(1);
}

export function folderName(path) {
  return path.split(/[\\/]/).filter(Boolean).pop() ?? path;
}

// Frame numbers as ranges: 1001-1004, 1010.
export function ranges(numbers, most = 8) {
  const parts = [];
  for (let start = 0; start < numbers.length;) {
    let end = start;
    while (end + 1 < numbers.length && numbers[end + 1] === numbers[end] + 1) end += 1;
    parts.push(start === end ? `${numbers[start]}` : `${numbers[start]}-${numbers[end]}`);
    start = end + 1;
  }
  return parts.length > most ? `${parts.slice(0, most).join(', ')}, ...` : parts.join(', ');
}
