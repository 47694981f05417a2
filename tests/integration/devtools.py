# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""A page in headless Chromium, driven over the DevTools protocol: what it shows, what it asks the network for, what it complains of."""

import base64
import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

from websockets.sync.client import connect

from belfry_daemon import PATIENCE, wait_until

OPTIONS = [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic', '--no-first-run', '--no-proxy-server',
    '--disable-background-networking', '--disable-component-update', '--disable-sync', '--remote-debugging-port=0',
]


class Page:
    """One browser with one page. Complaints are everything that a person would see in red in its console."""

    def __init__(self, folder, width=1280, height=900, dark=False):
        self.profile = Path(folder)
        self.log = open(self.profile.with_suffix('.log'), 'wb')
        self.process = subprocess.Popen(['chromium', *OPTIONS, f'--user-data-dir={self.profile}', 'about:blank'], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log, start_new_session=True)
        self.complaints = []
        self.requests = []
        self.number = 0
        self.session = None
        self.held = contextlib.ExitStack()
        self.socket = self.held.enter_context(connect(self.find_address(), max_size=None, open_timeout=20 * PATIENCE))
        targets = self.call('Target.getTargets')['targetInfos']
        target = next(one for one in targets if one['type'] == 'page')
        self.session = self.call('Target.attachToTarget', targetId=target['targetId'], flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.call(domain + '.enable')
        self.resize(width, height)
        self.call('Emulation.setEmulatedMedia', features=[{'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}])

    def find_address(self):
        path = self.profile / 'DevToolsActivePort'
        port, address = wait_until(lambda: path.exists() and len(path.read_text().split()) == 2 and path.read_text().split(), 40,
                                   'the port of the browser')
        return f'ws://127.0.0.1:{port}{address}'

    def close(self):
        self.held.close()
        # The browser is the leader of a session that holds only its own children.
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self.log.close()

    def call(self, method, **parameters):
        self.number += 1
        message = {'id': self.number, 'method': method, 'params': parameters}
        if self.session is not None:
            message['sessionId'] = self.session
        self.socket.send(json.dumps(message))
        while True:
            answer = json.loads(self.socket.recv(timeout=40 * PATIENCE))
            if answer.get('id') == self.number:
                assert 'error' not in answer, answer
                return answer['result']
            self.take(answer)

    def take(self, message):
        method, parameters = message.get('method'), message.get('params', {})
        if method == 'Network.requestWillBeSent':
            self.requests.append(parameters['request']['url'])
        elif method == 'Network.webSocketCreated':
            self.requests.append(parameters['url'])
        elif method == 'Runtime.exceptionThrown':
            self.complaints.append(parameters['exceptionDetails'].get('exception', {}).get('description') or str(parameters))
        elif method == 'Runtime.consoleAPICalled' and parameters['type'] in ('error', 'warning', 'assert'):
            self.complaints.append(str(parameters['args']))
        elif method == 'Log.entryAdded' and parameters['entry']['level'] in ('error', 'warning'):
            self.complaints.append(parameters['entry']['text'] + ' ' + parameters['entry'].get('url', ''))

    def open(self, url):
        self.call('Page.navigate', url=url)
        self.wait('document.readyState === "complete"')

    def evaluate(self, expression):
        answer = self.call('Runtime.evaluate', expression=expression, awaitPromise=True, returnByValue=True)
        assert 'exceptionDetails' not in answer, answer['exceptionDetails']
        return answer['result'].get('value')

    def wait(self, expression, timeout=20):
        """Until the expression is true in the page; its value."""
        deadline = time.monotonic() + timeout * PATIENCE
        while True:
            value = self.evaluate(expression)
            if value:
                return value
            assert time.monotonic() < deadline, f'{expression} did not come true; the page: {self.evaluate("document.body.innerText")[-1500:]}'
            time.sleep(0.02)

    def click(self, selector):
        """A real click in the middle of it, where a person could click."""
        self.wait(f'document.querySelector({json.dumps(selector)}) !== null')
        where = self.evaluate(f'''(() => {{
            const it = document.querySelector ({json.dumps(selector)});
            it.scrollIntoView ({{ block: 'center', behavior: 'instant' }});
            const box = it.getBoundingClientRect ();
            return {{ x: box.x + box.width / 2, y: box.y + box.height / 2 }};
        }})()''')
        for kind in ('mousePressed', 'mouseReleased'):
            self.call('Input.dispatchMouseEvent', type=kind, x=where['x'], y=where['y'], button='left', clickCount=1)

    def type(self, selector, text):
        """Writes into a field, in place of what is there."""
        self.evaluate(f'(() => {{ const it = document.querySelector ({json.dumps(selector)}); it.focus (); it.select (); }})()')
        if text == '':
            self.press('Delete', 46)
        else:
            self.call('Input.insertText', text=text)

    def press(self, key, code):
        for kind in ('keyDown', 'keyUp'):
            self.call('Input.dispatchKeyEvent', type=kind, key=key, code=key, windowsVirtualKeyCode=code, text='\r' if key == 'Enter' else '')

    def text(self, selector):
        return self.evaluate(f'document.querySelector({json.dumps(selector)})?.innerText ?? ""')

    def resize(self, width, height):
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=1, mobile=width < 600)

    def screenshot(self, path, whole=False):
        picture = self.call('Page.captureScreenshot', format='png', captureBeyondViewport=whole)
        Path(path).write_bytes(base64.b64decode(picture['data']))
