// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright 2026 The Belfry authors

// Makes elements. Text from outside only ever becomes text: nothing here parses HTML.

/** An element; of the attributes, functions are listeners, and false or null leaves one out. */
export function element (tag, attributes = {}, ...children) {
  const made = document.createElement (tag);
  for (const [name, value] of Object.entries (attributes)) {
    if (typeof value === 'function')
      made.addEventListener (name, value);
    else if (value === true)
      made.setAttribute (name, '');
    else if (value !== false && value !== null && value !== undefined)
      made.setAttribute (name, value);
  }
  made.append (...children.flat ().filter (child => child !== null && child !== undefined));
  return made;
}

/** Pieces of a line with `code` and **strong** in it. */
export function inline (text) {
  return text.split (/(`[^`]+`|\*\*[^*]+\*\*)/).map (piece => {
    if (piece.startsWith ('`') && piece.length > 2)
      return element ('code', {}, piece.slice (1, -1));
    if (piece.startsWith ('**') && piece.length > 4)
      return element ('strong', {}, piece.slice (2, -2));
    return piece;
  });
}

/** Paragraphs, parted by empty lines. */
export function paragraphs (text) {
  return (text ?? '').split ('\n\n').filter (part => part !== '').map (part => element ('p', {}, inline (part)));
}

/** How high an editor shall be that begins with this text. */
export function countRows (text) {
  return Math.min (16, text.split ('\n').length + 1);
}

/** A button that puts what get() returns on the clipboard. */
export function copyButton (get, what) {
  const button = element ('button', {
    type: 'button', class: 'quiet', 'aria-label': `Copy ${what}`,
    click: async () => {
      try {
        await navigator.clipboard.writeText (get ());
        button.textContent = 'Copied';
      } catch {
        button.textContent = 'Not allowed';
      }
      setTimeout (() => { button.textContent = 'Copy'; }, 1500);
    },
  }, 'Copy');
  return button;
}

const tokens = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*)|(true|false|null)|([{}[\],:])|(\s+)/gy;

/** The tokens of a JSON text, or null when it has something else in it. They are not turned into values: digits stay as they came. */
function scan (text) {
  const found = [];
  tokens.lastIndex = 0;
  while (tokens.lastIndex < text.length) {
    const match = tokens.exec (text);
    if (match === null)
      return null;
    const [, string, colon, number, word, mark] = match;
    if (string !== undefined) {
      found.push ([colon === undefined ? 'string' : 'name', string]);
      if (colon !== undefined)
        found.push (['mark', ':']);
    } else if (number !== undefined) {
      found.push (['number', number]);
    } else if (word !== undefined) {
      found.push (['word', word]);
    } else if (mark !== undefined) {
      found.push (['mark', mark]);
    }
  }
  return found;
}

/** JSON laid out over lines, as [kind, text] pieces; null for what is no JSON. */
function layOut (text) {
  const found = scan (text);
  if (found === null)
    return null;
  const pieces = [];
  let depth = 0;
  const newLine = () => pieces.push (['space', '\n' + '  '.repeat (Math.max (0, depth))]);
  found.forEach (([kind, piece], index) => {
    const next = found[index + 1]?.[1];
    if (kind !== 'mark') {
      pieces.push ([kind, piece]);
    } else if (piece === '{' || piece === '[') {
      pieces.push ([kind, piece]);
      depth++;
      if (next !== '}' && next !== ']')
        newLine ();
    } else if (piece === '}' || piece === ']') {
      const before = found[index - 1]?.[1];
      depth--;
      if (before !== '{' && before !== '[')
        newLine ();
      pieces.push ([kind, piece]);
    } else {
      pieces.push ([kind, piece]);
      if (piece === ',')
        newLine ();
      else
        pieces.push (['space', ' ']);
    }
  });
  return pieces;
}

/** JSON over lines as text; what is no JSON comes back as it is. */
export function prettyText (text) {
  const pieces = layOut (text);
  return pieces === null ? text : pieces.map (([, piece]) => piece).join ('');
}

/** The same with colours, as nodes for a <pre>. */
export function prettyNodes (text) {
  const pieces = text.length <= 200000 ? layOut (text) : null;
  if (pieces === null)
    return [text];
  return pieces.map (([kind, piece]) => (kind === 'mark' || kind === 'space' ? piece : element ('span', { class: 'json-' + kind }, piece)));
}
