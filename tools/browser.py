"""Try the page in a real browser.

    python tools/browser.py [--checkpoint FOLDER] [--results JSON] [--figures FOLDER] [--may-skip]

Needs Chromium and playwright; without Chromium the exit code is 3, or 0 with --may-skip. Where
axe-core is in build/node_modules, as `make browser` puts it there, findings of accessibility that
are serious or critical are an error.
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
from chromium import add_flag, chromium, inaccessible
from PIL import Image
from playwright.sync_api import TimeoutError as Late
from playwright.sync_api import expect, sync_playwright
from skimage import data

PAINTED = (
    "() => { const w = document.querySelector('#words'); "
    "return w && /painted in .* seconds/.test(w.innerText) }"
)
OVERLAP = """() => { const [a, b] = ['.meta-text-center', '.progress-level-inner'].map(s =>
document.querySelector('#result ' + s)?.getBoundingClientRect());
return !!a && !!b && a.top < b.bottom && b.top < a.bottom }"""
WAIT = 300_000  # milliseconds for one picture, with others before it


class Memory(threading.Thread):
    "Watches the resident memory of a process, MB."

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.process, self.most, self.on = psutil.Process(pid), 0, True
        self.start()

    def now(self):
        return self.process.memory_info().rss / 1e6

    def run(self):
        while self.on:
            with contextlib.suppress(psutil.Error):
                self.most = max(self.most, self.now())
            time.sleep(0.05)


@contextlib.contextmanager
def served(checkpoint, *flags):
    "The page of a model in a process of its own: its address and the process."
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    command = [
        str(Path(sys.executable).with_name('stylecfm_app')),
        '--port',
        str(port),
        *flags,
        *(['--checkpoint', str(checkpoint)] if checkpoint else []),
    ]
    p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = []
    try:
        for line in p.stdout:
            said.append(line)
            if 'is ready' in line:
                break
        else:
            raise RuntimeError(''.join(said))
        threading.Thread(target=lambda: said.extend(p.stdout), daemon=True).start()
        yield f'http://127.0.0.1:{port}/', p, said
    finally:
        p.terminate()
        p.wait(20)


def images(folder):
    "A photograph, and files that are none that the page takes."
    cat = Image.fromarray(data.chelsea()[:, 75:375]).resize((256, 256))
    cat.save(folder / 'cat.jpg', quality=95)
    Image.new('RGB', (7100, 7100), 'teal').save(folder / 'huge.png')
    (folder / 'words.jpg').write_text('this is no picture')
    (folder / 'cut.jpg').write_bytes((folder / 'cat.jpg').read_bytes()[:3000])
    (folder / 'heavy.png').write_bytes((folder / 'huge.png').read_bytes() + os.urandom(25_000_000))
    return folder


def load(page, url):
    page.goto(url)
    page.wait_for_selector('#go', timeout=60_000)
    page.wait_for_timeout(500)


def paint(page, path):
    "Upload and paint; the words below the picture."
    page.set_input_files('#photo input[type=file]', str(path))
    page.wait_for_selector('#photo img', timeout=30_000)
    page.click('#go')
    return finished(page)


def finished(page):
    "Wait for the request that was just begun; the words below the picture."
    page.wait_for_selector('.compare', state='detached', timeout=30_000)
    page.wait_for_function(PAINTED, timeout=WAIT)
    expect(page.locator('#go')).to_be_enabled(timeout=30_000)
    return page.locator('#words').inner_text()


def refused(page, path=None):
    """Upload what is not wanted, if anything.

    Returns the words of the message, which leaves no painting behind.
    """
    if path:
        page.set_input_files('#photo input[type=file]', str(path))
        page.wait_for_timeout(1500)
        unseen = page.locator('#photo img.unseen')
        assert all(unseen.nth(k).get_attribute('alt') for k in range(unseen.count()))
    message = page.locator('[data-testid=toast-body], .notice.error').first
    if not message.is_visible():
        page.click('#go')
    expect(message).to_be_visible(timeout=30_000)
    assert not page.locator('.compare').count(), 'the painting of the request before is still shown'
    return ' '.join(message.inner_text().split())


def findings(page):
    "What `inaccessible` finds once the page rests."
    expect(page.locator('#go')).to_be_enabled(timeout=30_000)
    page.wait_for_timeout(700)  # colours change slowly
    return inaccessible(page)


def by_keyboard(page):
    """Take an example, choose the second style, paint, and move the border, without a mouse.

    Returns the style.
    """
    for key, where in (
        ('Enter', '#example-0'),
        ('ArrowRight', '#target input >> nth=0'),
        ('Enter', '#go'),
    ):
        page.focus(where)
        page.keyboard.press(key)
        page.wait_for_timeout(1500)
    finished(page)
    page.focus('.compare input')
    page.keyboard.press('ArrowLeft')
    assert page.locator('.compare').evaluate("e => e.style.getPropertyValue('--cut')") == '39%'
    return page.locator('#target input:checked').get_attribute('value')


def cancelled(page):
    "Cancel a painting; the words, and the seconds until the button is free again."
    page.click('#go')
    page.wait_for_selector('#stop:visible', timeout=30_000)
    page.wait_for_selector('#result .progress-level-inner', timeout=30_000)
    assert not page.evaluate(OVERLAP), 'the words of the progress lie over one another'
    page.click('#stop')
    begun = time.monotonic()
    expect(page.locator('#go')).to_be_enabled(timeout=30_000)
    return dict(words=page.locator('#words').inner_text(), seconds=time.monotonic() - begun)


def answered(pages):
    """Number of pages that show a painting and its words, of those asked.

    The slowest must be within the time for one.
    """
    until, count = time.monotonic() + WAIT / 1000, 0
    for q in pages:
        with contextlib.suppress(Late):
            q.wait_for_function(PAINTED, timeout=max(1, (until - time.monotonic()) * 1000))
            count += q.locator('.compare .after').evaluate(
                'i => i.decode().then(() => i.naturalWidth > 0)'
            )
    return count


def probes(url, folder):
    "Ask for files of the server that are none of a stranger's business: {what: status}."
    import urllib.error
    import urllib.request

    class Seen(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'x')

        def log_message(self, *a):
            pass

    seen, secret = [], folder / 'secret.txt'
    secret.write_text('a secret of the server')
    inside = http.server.HTTPServer(('127.0.0.1', 0), Seen)
    threading.Thread(target=inside.serve_forever, daemon=True).start()

    def ask(path, body=None):
        r = urllib.request.Request(
            url + path,
            json.dumps(body).encode() if body else None,
            {'Content-Type': 'application/json'},
        )
        try:
            with urllib.request.urlopen(r, timeout=30) as a:
                return a.status, a.read().decode(errors='replace')
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode(errors='replace')

    found = {}
    for name, path in {
        'file': f'gradio_api/file={secret}',
        'passwd': 'gradio_api/file=/etc/passwd',
        'up': 'gradio_api/file=../../../../etc/passwd',
        'encoded': 'gradio_api/file=%2e%2e%2f%2e%2e%2f%2e%2e%2fetc/passwd',
        'old': 'file=/etc/passwd',
        'static': 'static/../../../../etc/passwd',
        'package': f'gradio_api/file={Path(__file__).resolve()}',
    }.items():
        found[name] = ask(path)

    def call(picture):
        fn, values = settings(json.loads(ask('config')[1]))
        status, text = ask(
            'gradio_api/queue/join?',
            dict(
                data=[picture, *values],
                fn_index=fn,
                session_hash='probe',
                event_data=None,
                trigger_id=None,
            ),
        )
        if status != 200:
            return status, text
        return status, ask('gradio_api/queue/data?session_hash=probe')[1]

    for name, picture in {
        'path in a request': dict(path=str(secret), meta={'_type': 'gradio.FileData'}),
        'picture elsewhere on the disk': dict(
            path=str(folder / 'cat.jpg'), meta={'_type': 'gradio.FileData'}
        ),
        'address inside': dict(
            path='',
            url=f'http://127.0.0.1:{inside.server_port}/x.png',
            meta={'_type': 'gradio.FileData'},
        ),
    }.items():
        found[name] = call(picture)
    inside.shutdown()
    own = httpx.post(
        url + 'gradio_api/upload', files=dict(files=(folder / 'cat.jpg').open('rb'))
    ).json()[0]
    if 'compare' not in call(dict(path=own, meta={'_type': 'gradio.FileData'}))[1]:
        raise AssertionError('an honest upload is refused, too: these probes show nothing')
    for name, (status, text) in found.items():
        if (
            'a secret of the server' in text
            or 'root:' in text
            or 'Try the page in a real' in text
            or 'class=\\"compare' in text
        ):
            raise AssertionError(f'{name}: {status} {text[:300]}')
    if seen:
        raise AssertionError(f'the server fetched {seen}')
    return {k: v[0] for k, v in found.items()}


def uploads_from(chrome, url):
    """Statuses of uploads, `{where: statuses}`.

    One that the page itself sends, and one that another site's page sends.
    """

    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header('Content-Type', 'text/html')
            self.end_headers()
            self.wfile.write(b'<p>another site</p>')

        def log_message(self, *a):
            pass

    other = http.server.HTTPServer(('127.0.0.1', 0), Other)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    send = """async url => { const f = new FormData(); f.append('files', new Blob(['x']), 'x.png');
        await fetch(url, {method: 'POST', body: f, mode: 'no-cors'}).catch(() => 0) }"""
    found = {}
    for name, address in {
        'the page': url,
        'another site': f'http://localhost:{other.server_port}/',
    }.items():
        page, statuses = chrome.new_page(), []
        page.on(
            'response',
            lambda r, to=statuses: to.append(r.status) if 'gradio_api/upload' in r.url else None,
        )
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


def on_a_phone(page, url):
    """Take an example and paint on a narrow screen.

    The button is on the first screen, nothing is wider than it, the result in view.
    """
    load(page, url)
    height = page.evaluate('innerHeight')
    button = page.locator('#go').bounding_box()
    assert button['y'] + button['height'] <= height, (
        f'the button ends at {button["y"] + button["height"]:.0f} of {height} pixels'
    )
    before = findings(page)
    page.click('#example-0')
    page.wait_for_selector('#photo img', timeout=30_000)
    page.click('#go')
    finished(page)
    page.wait_for_timeout(1500)
    box = page.locator('.compare').bounding_box()
    assert 0 <= box['y'] and box['y'] + box['height'] <= height, (
        f'the painting lies at {box["y"]:.0f} of {height} pixels'
    )
    wide = page.evaluate('document.documentElement.scrollWidth')
    assert wide <= page.evaluate('innerWidth'), f'the page is {wide} pixels wide'
    return before, findings(page)


def main():  # noqa: PLR0915 - one visit to the page, from its start to its end
    p = argparse.ArgumentParser(description='Try the page in a real browser.')
    p.add_argument('--checkpoint')
    p.add_argument('--results')
    p.add_argument('--figures')
    add_flag(p)
    a = p.parse_args()
    browser = chromium(a.may_skip)
    r, figures = {}, Path(a.figures) if a.figures else None

    def shot(page, name, whole=True):
        if not figures:
            return
        Image.open(BytesIO(page.screenshot(full_page=whole))).convert('RGB').save(
            figures / name, quality=75, optimize=True
        )

    with (
        tempfile.TemporaryDirectory() as d,
        served(a.checkpoint) as (url, server, said),
        sync_playwright() as play,
    ):
        folder, memory = images(Path(d)), Memory(server.pid)
        r['memory_idle_mb'] = memory.now()
        chrome = play.chromium.launch(executable_path=browser, args=['--no-sandbox'])
        context = chrome.new_context(viewport=dict(width=1280, height=800), accept_downloads=True)
        page, asked = context.new_page(), []
        page.on('request', lambda q: asked.append(q.url))
        load(page, url)
        axe = dict(wide_before=findings(page))
        r['words'] = paint(page, folder / 'cat.jpg')
        axe['wide_after'] = findings(page)
        narrow = chrome.new_page(viewport=dict(width=390, height=720))
        axe['narrow_before'], axe['narrow_after'] = on_a_phone(narrow, url)
        shot(narrow, 'app_narrow.jpg', False)
        load(narrow, url)
        refused(narrow, folder / 'words.jpg')
        axe['narrow_error'] = findings(narrow)
        narrow.close()
        with page.expect_download(timeout=20_000) as d:
            page.click('#file')
        image = Image.open(d.value.path())
        image.load()
        r['download'] = dict(
            name=d.value.suggested_filename, format=image.format, size=list(image.size)
        )
        assert image.format == 'PNG' and image.size == (256, 256), image
        r['by_keyboard'] = by_keyboard(page)
        page.evaluate('document.activeElement.blur()')
        page.wait_for_timeout(1000)
        shot(page, 'app.jpg', False)
        r['cancelled'] = cancelled(page)
        elsewhere = sorted(
            {u.split('/')[2] for u in asked if u.startswith('http') and not u.startswith(url)}
        )
        assert not elsewhere, elsewhere
        r['refused'] = {}
        for name in ('words.jpg', 'cut.jpg', 'huge.png', 'heavy.png'):
            fresh = context.new_page()
            load(fresh, url)
            r['refused'][name] = refused(fresh, folder / name)
            axe[name] = findings(fresh)
            fresh.close()
        fresh = context.new_page()
        load(fresh, url)
        r['refused']['nothing'] = refused(fresh)
        fresh.set_input_files('#photo input[type=file]', str(folder / 'cat.jpg'))
        # an error is of the picture before
        expect(fresh.locator('.notice.error')).to_have_count(0, timeout=30_000)
        fresh.close()
        if any(axe.values()):
            raise AssertionError(f'axe-core finds {axe}')
        r['axe'] = dict(pages=sum(v is not None for v in axe.values()), serious=0)
        pages = [context.new_page() for _ in range(10)]
        for q in pages:
            load(q, url)
            q.set_input_files('#photo input[type=file]', str(folder / 'cat.jpg'))
            q.wait_for_selector('#photo img')
        begun = time.monotonic()
        for q in pages:
            q.click('#go')
        r['ten_at_once'] = dict(answered=answered(pages), seconds=time.monotonic() - begun)
        assert not any('Traceback' in line for line in said), said
        r['uploads_from'] = uploads_from(chrome, url)
        assert r['uploads_from'] == {'the page': [200], 'another site': [403]}, r['uploads_from']
        r['probes'] = probes(url, folder)
        memory.on = False
        r['memory_peak_mb'] = memory.most
        chrome.close()
    print(json.dumps(r, indent=1))
    if a.results:
        Path(a.results).write_text(json.dumps(r))


if __name__ == '__main__':
    try:
        main()
    except Late as e:
        sys.exit(f'the page did not answer: {str(e).splitlines()[0]}')
