// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright 2026 The Belfry authors

// The first page works without this; with it, it shows its own address and how the service is.

const base = new URL ('.', location.href).href.replace (/\/$/, '');

for (const place of document.querySelectorAll ('.origin'))
  place.textContent = base.replace (/\/api\/v1$/, '');

async function showState () {
  const state = document.getElementById ('state');
  try {
    const health = await (await fetch ('health', { cache: 'no-store' })).json ();
    state.textContent = `${health.status} · ${health.version}`;
    state.dataset.state = health.status;
  } catch {
    state.textContent = 'no answer';
    state.dataset.state = 'error';
  }
}

showState ();
