"""Try the page in a real browser: python tools/browser.py [--checkpoint FOLDER] [--results JSON] [--figures FOLDER] [--may-skip].

Needs Chromium and playwright; without Chromium the exit code is 3, or 0 with --may-skip.
"""
import argparse
import contextlib
import http.server
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from io import BytesIO
from pathlib import Path

import httpx
import psutil
from chromium import add_flag, chromium
from PIL import Image
from playwright.sync_api import TimeoutError as Late
from playwright.sync_api import expect, sync_playwright
from skimage import data

WAIT = 300_000                                                # milliseconds for one picture, with others before it


class Memory(threading.Thread):
    "Watches the resident memory of a process, MB."
    def __init__(self, pid):
        super().__init__(daemon=True); self.process, self.most, self.on = psutil.Process(pid), 0, True; self.start()

    def now(self): return self.process.memory_info().rss/1e6

    def run(self):
        while self.on:
            with contextlib.suppress(psutil.Error): self.most = max(self.most, self.now())
            time.sleep(.05)


@contextlib.contextmanager
def served(checkpoint, *flags):
    "The page of a model in a process of its own: its address and the process."
    with socket.socket() as s: s.bind(('127.0.0.1', 0)); port = s.getsockname()[1]
    command = [str(Path(sys.executable).with_name('stylecfm_app')), '--port', str(port), *flags, *(['--checkpoint', str(checkpoint)] if checkpoint else [])]
    p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = []
    try:
        for line in p.stdout:
            said.append(line)
            if 'is ready' in line: break
        else: raise RuntimeError(''.join(said))
        threading.Thread(target=lambda: said.extend(p.stdout), daemon=True).start()
        yield f'http://127.0.0.1:{port}/', p, said
    finally: p.terminate(); p.wait(20)


def images(folder):
    "A photograph, and files that are none that the page takes."
    cat = Image.fromarray(data.chelsea()[:, 75:375]).resize((256, 256)); cat.save(folder/'cat.jpg', quality=95)
    Image.new('RGB', (7100, 7100), 'teal').save(folder/'huge.png'); (folder/'words.jpg').write_text('this is no picture'); (folder/'cut.jpg').write_bytes((folder/'cat.jpg').read_bytes()[:3000])
    (folder/'heavy.png').write_bytes((folder/'huge.png').read_bytes() + os.urandom(25_000_000))
    return folder


def load(page, url):
    page.goto(url); page.wait_for_selector('#go', timeout=60_000); page.wait_for_timeout(500)


def paint(page, path):
    "Upload and paint; the words below the picture."
    before = page.locator('#words').inner_text() if page.locator('#words').count() else ''
    page.set_input_files('#photo input[type=file]', str(path)); page.wait_for_selector('#photo img', timeout=30_000)
    page.click('#go'); page.wait_for_function("b => { const w = document.querySelector('#words'); return w && w.innerText.includes('network evaluations') && w.innerText != b }", arg=before, timeout=WAIT)
    return page.locator('#words').inner_text()


def refused(page, path):
    "Upload what is not wanted; the words of the message."
    page.set_input_files('#photo input[type=file]', str(path)); page.wait_for_timeout(1500)
    message = page.locator('[data-testid=toast-body]').first
    if not message.is_visible(): page.click('#go')
    expect(message).to_be_visible(timeout=30_000); text = ' '.join(message.inner_text().split())
    return text


def answered(pages):
    "How many of the pages that were asked come to show a painting and its words, the slowest within the time for one."
    until, count = time.monotonic() + WAIT/1000, 0
    for q in pages:
        with contextlib.suppress(Late):
            q.wait_for_function("() => { const w = document.querySelector('#words'); return w && w.innerText.includes('network evaluations') }", timeout=max(1, (until - time.monotonic())*1000))
            count += q.locator('#pair img').first.evaluate('i => i.decode().then(() => i.naturalWidth > 0)')
    return count


def probes(url, folder):
    "Ask for files of the server that are none of a stranger's business: {what: status}."
    import urllib.error
    import urllib.request
    class Seen(http.server.BaseHTTPRequestHandler):
        def do_GET(self): seen.append(self.path); self.send_response(200); self.end_headers(); self.wfile.write(b'x')
        def log_message(self, *a): pass
    seen, secret = [], folder/'secret.txt'; secret.write_text('a secret of the server')
    inside = http.server.HTTPServer(('127.0.0.1', 0), Seen); threading.Thread(target=inside.serve_forever, daemon=True).start()
    def ask(path, body=None):
        r = urllib.request.Request(url + path, json.dumps(body).encode() if body else None, {'Content-Type': 'application/json'})
        try:
            with urllib.request.urlopen(r, timeout=30) as a: return a.status, a.read().decode(errors='replace')
        except urllib.error.HTTPError as e: return e.code, e.read().decode(errors='replace')
    found = {}
    for name, path in {'file': f'gradio_api/file={secret}', 'passwd': 'gradio_api/file=/etc/passwd', 'up': 'gradio_api/file=../../../../etc/passwd', 'encoded': 'gradio_api/file=%2e%2e%2f%2e%2e%2f%2e%2e%2fetc/passwd',
                       'old': 'file=/etc/passwd', 'static': 'static/../../../../etc/passwd', 'package': f'gradio_api/file={Path(__file__).resolve()}'}.items(): found[name] = ask(path)
    def call(picture):
        fn, values = settings(json.loads(ask('config')[1]))
        status, text = ask('gradio_api/queue/join?', dict(data=[picture, *values], fn_index=fn, session_hash='probe', event_data=None, trigger_id=None))
        if status != 200: return status, text
        return status, ask('gradio_api/queue/data?session_hash=probe')[1]
    for name, picture in {'path in a request': dict(path=str(secret), meta={'_type': 'gradio.FileData'}), 'picture elsewhere on the disk': dict(path=str(folder/'cat.jpg'), meta={'_type': 'gradio.FileData'}),
                          'address inside': dict(path='', url=f'http://127.0.0.1:{inside.server_port}/x.png', meta={'_type': 'gradio.FileData'})}.items(): found[name] = call(picture)
    inside.shutdown()
    own = httpx.post(url + 'gradio_api/upload', files=dict(files=(folder/'cat.jpg').open('rb'))).json()[0]
    if '"success":true' not in call(dict(path=own, meta={'_type': 'gradio.FileData'}))[1]: raise AssertionError('an honest upload is refused, too: these probes show nothing')
    for name, (status, text) in found.items():
        if 'a secret of the server' in text or 'root:' in text or 'Try the page in a real' in text or '"success":true' in text: raise AssertionError(f'{name}: {status} {text[:300]}')
    if seen: raise AssertionError(f'the server fetched {seen}')
    return {k: v[0] for k, v in found.items()}


def uploads_from(chrome, url):
    "Statuses of an upload that the page itself sends, and of one that another site's page sends: {where: statuses}."
    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self): self.send_response(200); self.send_header('Content-Type', 'text/html'); self.end_headers(); self.wfile.write(b'<p>another site</p>')
        def log_message(self, *a): pass
    other = http.server.HTTPServer(('127.0.0.1', 0), Other)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    send = """async url => { const f = new FormData(); f.append('files', new Blob(['x']), 'x.png');
                             await fetch(url, {method: 'POST', body: f, mode: 'no-cors'}).catch(() => 0) }"""
    found = {}
    for name, address in {'the page': url, 'another site': f'http://localhost:{other.server_port}/'}.items():
        page, statuses = chrome.new_page(), []
        page.on('response', lambda r, to=statuses: to.append(r.status) if 'gradio_api/upload' in r.url else None)
        page.goto(address)
        page.evaluate(send, url + 'gradio_api/upload')
        page.wait_for_timeout(500)
        found[name] = statuses
        page.close()
    other.shutdown()
    return found


def settings(config):
    "The function that paints, and the values of its settings as the page begins."
    paints = max(config['dependencies'], key=lambda d: len(d['inputs']))
    values = {c['id']: c['props'].get('value') for c in config['components']}
    return paints['id'], [values[k] for k in paints['inputs'][1:]]


def chosen_by_pictures(page):
    "Click an example and the last style; the style that is then chosen."
    page.locator('#examples .thumbnail-item').first.click()
    page.wait_for_selector('#photo img', timeout=30_000)
    page.locator('#styles .thumbnail-item').last.click()
    last = page.locator('#target input').last
    expect(last).to_be_checked(timeout=30_000)
    return last.get_attribute('value')


def main():
    p = argparse.ArgumentParser(description='Try the page in a real browser.')
    p.add_argument('--checkpoint'); p.add_argument('--results'); p.add_argument('--figures'); add_flag(p); a = p.parse_args()
    browser = chromium(a.may_skip)
    r, figures = {}, Path(a.figures) if a.figures else None
    def shot(page, name, whole=True):
        if not figures: return
        Image.open(BytesIO(page.screenshot(full_page=whole))).convert('RGB').save(figures/name, quality=85)
    with tempfile.TemporaryDirectory() as d, served(a.checkpoint) as (url, server, said), sync_playwright() as play:
        folder, memory = images(Path(d)), Memory(server.pid); r['memory_idle_mb'] = memory.now()
        chrome = play.chromium.launch(executable_path=browser, args=['--no-sandbox']); context = chrome.new_context(viewport=dict(width=1280, height=900), accept_downloads=True)
        page, asked = context.new_page(), []; page.on('request', lambda q: asked.append(q.url)); load(page, url)
        r['words'] = paint(page, folder/'cat.jpg'); page.wait_for_selector('#pair img'); page.wait_for_timeout(1000); shot(page, 'app.jpg')
        narrow = chrome.new_page(viewport=dict(width=390, height=844))
        load(narrow, url)
        r['chosen'] = chosen_by_pictures(narrow)
        narrow.wait_for_timeout(1000)
        shot(narrow, 'app_narrow.jpg')
        wide = narrow.evaluate('document.documentElement.scrollWidth')
        assert wide <= 390, f'the page is {wide} pixels wide on a screen of 390'
        narrow.close()
        with page.expect_download(timeout=20_000) as d: page.click('#file')
        image = Image.open(d.value.path()); image.load(); r['download'] = dict(name=d.value.suggested_filename, format=image.format, size=list(image.size)); assert image.format == 'PNG' and image.size == (256, 256), image
        elsewhere = sorted({u.split('/')[2] for u in asked if u.startswith('http') and not u.startswith(url)}); assert not elsewhere, elsewhere
        r['refused'] = {}
        for name in ('words.jpg', 'cut.jpg', 'huge.png', 'heavy.png'):
            fresh = context.new_page(); load(fresh, url); r['refused'][name] = refused(fresh, folder/name)
            if name == 'huge.png': fresh.wait_for_timeout(1000); shot(fresh, 'app_refused.jpg', False)              # messages fade in
            fresh.close()
        fresh = context.new_page(); load(fresh, url); fresh.click('#go'); expect(fresh.locator('[data-testid=toast-body]').first).to_be_visible(timeout=30_000); r['refused']['nothing'] = ' '.join(fresh.locator('[data-testid=toast-body]').first.inner_text().split()); fresh.close()
        pages = [context.new_page() for _ in range(10)]
        for q in pages: load(q, url); q.set_input_files('#photo input[type=file]', str(folder/'cat.jpg')); q.wait_for_selector('#photo img')
        begun = time.monotonic()
        for q in pages: q.click('#go')
        r['ten_at_once'] = dict(answered=answered(pages), seconds=time.monotonic() - begun)
        assert not any('Traceback' in line for line in said), said
        r['uploads_from'] = uploads_from(chrome, url)
        assert r['uploads_from'] == {'the page': [200], 'another site': [403]}, r['uploads_from']
        r['probes'] = probes(url, folder)
        memory.on = False; r['memory_peak_mb'] = memory.most; chrome.close()
    print(json.dumps(r, indent=1))
    if a.results: Path(a.results).write_text(json.dumps(r))


if __name__ == '__main__':
    try: main()
    except Late as e: sys.exit(f'the page did not answer: {str(e).splitlines()[0]}')
