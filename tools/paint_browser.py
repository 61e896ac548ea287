"""Try the page that paints in a browser.

python tools/paint_browser.py [--figures FOLDER] [--runs N] [--may-skip]

A photograph is uploaded in headless Chromium, painted by WebAssembly, downloaded, and compared
with the painting that the package makes from the same noise. Without Chromium the exit code
is 3, or 0 with --may-skip. The figures go into nbs/results/browser_paint.json.
"""

import argparse
import functools
import http.server
import json
import math
import os
import statistics
import sys
import tempfile
import threading
from pathlib import Path

from chromium import add_flag, chromium, inaccessible
from notebooks import ROOT

PAGE = ROOT / 'build' / 'html' / 'paint'
SIDE, SMALL, STYLE = 256, 64, 'van_gogh'  # of the test pictures; the small one is for a slow GPU
WAIT = 240_000  # milliseconds for one painting
FLAGS = ['--no-sandbox']
# a GPU in software, for the sake of its operators; its time is of no use
GPU_FLAGS = [
    '--enable-unsafe-webgpu',
    '--use-webgpu-adapter=swiftshader',
    '--enable-features=Vulkan',
]


class Served(http.server.SimpleHTTPRequestHandler):
    "Files of the page; what is sent is counted."

    sent: list = []

    def copyfile(self, source, to):
        data = source.read()
        Served.sent.append((self.path, len(data)))
        to.write(data)

    def log_message(self, *a):
        pass


def noise(seed, n):
    "The page's standard normal numbers: sfc32 and Box-Muller, written a second time."
    import numpy as np

    mask = 0xFFFFFFFF
    a, b, c, d = 0x9E3779B9, 0x243F6A88, 0xB7E15162, seed
    u = []
    for _ in range(20 + 2 * ((n + 1) // 2)):
        t = (a + b + d) & mask
        d = (d + 1) & mask
        a = b ^ (b >> 9)
        b = (c + (c << 3)) & mask
        c = (((c << 21) | (c >> 11)) + t) & mask
        u.append(t / 2**32)
    first, second = np.array(u[20::2]), np.array(u[21::2])
    radius, angle = np.sqrt(-2 * np.log(1 - first)), 2 * math.pi * second
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).ravel()[:n]


def expected(image, style, side):
    "The painting that the package makes of an image from the page's noise, uint8 `(h, w, 3)`."
    import numpy as np
    import torch

    from stylecfm.codecs.base import load_codec
    from stylecfm.data.images import to_pil
    from stylecfm.models.data_prediction import LEAST_REMAINING, sample_data_prediction
    from stylecfm.pipeline.repaint import (
        Brush,
        StructurePainter,
        conditional_data,
        conditions,
        noise_scale,
    )
    from stylecfm.training.checkpoints import load_model

    model = load_model(ROOT / 'checkpoints' / 'painter')
    codec, styles, brush = load_codec(model.spec, 'cpu'), model.styles, Brush()
    painter = StructurePainter(
        model.net,
        lambda x: model.stats.standardise(codec.encode(x)),
        lambda z: codec.decode(model.stats.restore(z)),
        model.net.libraries(),
        LEAST_REMAINING,
    )
    x = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None].float() / 255
    target = styles.index(style)
    with torch.no_grad():
        _, there = conditions(painter, x, target, brush, styles.index('photo'))
        shape = (1, codec.latent_channels, side // 8, side // 8)
        x0 = torch.from_numpy(noise(0, math.prod(shape))).float().view(shape)
        x0 = x0 * noise_scale(brush, x, shape[-2:])
        z = sample_data_prediction(conditional_data(painter, there, target), x0, brush.steps)
        return np.asarray(to_pil(painter.decode(z))[0])


def opened(context, url, query=''):
    "A page that is ready, and what its console said."
    page, said = context.new_page(), []
    page.on('console', lambda m: said.append(m.text) if m.type in ('error', 'warning') else None)
    page.on('pageerror', lambda e: said.append(str(e)))
    page.goto(f'{url}{query}')
    page.wait_for_selector('body[data-device]', timeout=WAIT)
    return page, said


def painted(page, file, size=SIDE):
    "Upload a file, and wait for its painting; seconds that the page tells."
    if not page.locator('#size').is_visible():
        page.click('#more summary')
    page.select_option('#size', str(size))
    if page.get_attribute(f'[data-style={STYLE}]', 'aria-checked') != 'true':
        page.focus('[aria-checked=true]')
        while page.get_attribute(f'[data-style={STYLE}]', 'aria-checked') != 'true':
            page.keyboard.press('ArrowRight')
    page.evaluate('delete document.body.dataset.done')
    page.set_input_files('#file', str(file))
    return finished(page)


def finished(page):
    "Wait until the page has painted; the seconds that it tells."
    page.wait_for_selector('body[data-done]', timeout=WAIT)
    words = page.inner_text('#words')
    return float(words.partition('Painted in ')[2].split()[0])


def downloaded(page):
    "The painting as the page gives it, an image."
    from PIL import Image

    with page.expect_download(timeout=20_000) as d:
        page.click('#save')
    image = Image.open(d.value.path())
    image.load()
    return image.convert('RGB'), d.value.suggested_filename


def compared(image, wanted):
    "Mean and largest difference in levels of 255."
    import numpy as np

    d = np.abs(np.asarray(image).astype(int) - wanted.astype(int))
    return dict(mean=float(d.mean()), largest=int(d.max()))


def test_image(file, side):
    "A photograph of `side` x `side` pixels, written without loss."
    from PIL import Image
    from skimage import data

    image = Image.fromarray(data.coffee()).crop((100, 0, 500, 400))
    image = image.resize((side, side), Image.Resampling.LANCZOS)
    image.save(file)
    return image


def refused(page, folder):
    "Upload a file that is no picture; the words of the message."
    file = folder / 'words.jpg'
    file.write_text('this is no picture', encoding='utf-8')
    page.set_input_files('#file', str(file))
    page.locator('#words', has_text='cannot be read').wait_for(timeout=20_000)
    return page.inner_text('#words')


def offline(context, url, file):
    "Paint without a network on a page that was open once: seconds, and what the console said."
    context.set_offline(True)
    page, said = opened(context, url)
    seconds = painted(page, file)
    page.close()
    context.set_offline(False)
    return seconds, said


def processor_seconds(pid):
    "Processor time of a process and all below it."
    import psutil

    total = 0.0
    for p in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        try:
            total += sum(p.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue
    return total


def by_gpu(play, program, url, file):
    """The same by WebGPU on a GPU in software, and the fall-back where its runtime does not load.

    None where Chromium has no such GPU.
    """
    browser = play.chromium.launch(executable_path=program, args=[*FLAGS, *GPU_FLAGS])
    context = browser.new_context(service_workers='block')
    page, said = opened(context, url, '?plain&device=webgpu')
    found = dict(device=page.evaluate('document.body.dataset.device'))
    if found['device'] == 'webgpu':
        wanted = expected(test_image(file, SMALL), STYLE, SMALL)
        painted(page, file)
        found['levels'] = compared(downloaded(page)[0], wanted)
    page.close()
    context.route('**/ort.webgpu*', lambda route: route.abort())
    page, _ = opened(context, url, '?plain&device=webgpu')
    found['without_its_runtime'] = page.evaluate('document.body.dataset.device')
    browser.close()
    return found, said


def on_a_phone(context, url, figures, folder):
    "Paint an example on a narrow screen by one touch; nothing is wider than the screen."
    page, said = opened(context, url)
    wide, room = page.evaluate('[document.documentElement.scrollWidth, innerWidth]')

    def shot(name):
        return page.screenshot(path=figures / f'{name}.png') if figures else None

    axe = dict(greeting=inaccessible(page))
    shot('paint_phone_greeting')
    page.click('[data-example=chelsea]')
    page.locator('#words', has_text='of 12').wait_for(timeout=WAIT)
    shot('paint_phone_working')
    seconds = finished(page)
    page.wait_for_timeout(900)
    shot('paint_phone_done')
    box = page.locator('#compare').bounding_box()
    axe['done'] = inaccessible(page)
    refused(page, folder)
    axe['error'] = inaccessible(page)
    shot('paint_phone_error')
    page.close()
    place = dict(top=box['y'], bottom=box['y'] + box['height'])
    return dict(overflow=wide - room, seconds=seconds, axe=axe, **place), said


def wide(r, browser, url, a, file, image):
    "Load, upload, paint, compare and load again in a wide window, and then without a network."
    context = browser.new_context(viewport=dict(width=1280, height=800), accept_downloads=True)
    page, said = opened(context, url)
    r['first_load_mb'] = sum(n for _, n in Served.sent) / 1e6
    r['device'] = page.evaluate('document.body.dataset.device')
    r['isolated'] = page.evaluate('crossOriginIsolated')
    r['threads'] = int(page.inner_text('#facts').partition(', ')[2].split()[0])

    def shot(name):
        return page.screenshot(path=a.figures / f'{name}.png') if a.figures else None

    r['axe'] = dict(greeting=inaccessible(page))
    shot('paint_greeting')
    pid, seconds, busy = browser_pid(), [], []
    for _ in range(a.runs):
        before = processor_seconds(pid)
        seconds.append(painted(page, file))
        busy.append(processor_seconds(pid) - before)
    made, r['name'] = downloaded(page)
    page.wait_for_timeout(800)
    r['axe']['done'] = inaccessible(page)
    shot('paint_done')
    r['seconds'] = dict(least=min(seconds), median=statistics.median(seconds))
    r['processor_seconds'] = min(busy)
    r['refused'] = refused(page, file.parent)
    r['axe']['error'] = inaccessible(page)
    shot('paint_error')
    wanted = expected(image, STYLE, SIDE)
    r['wasm_levels'], r['photo_levels'] = compared(made, wanted), compared(image, wanted)['mean']
    page.close()
    Served.sent.clear()
    page, more = opened(context, url)
    r['second_load_mb'] = sum(n for _, n in Served.sent) / 1e6
    page.close()
    r['offline_seconds'], after = offline(context, url, file)
    context.close()
    return said + more + after


def browser_pid():
    "The process of the Chromium that this process started."
    import psutil

    mine = psutil.Process().children(recursive=True)
    return next(
        p.pid for p in mine if 'chrom' in p.name() and '--type=' not in ' '.join(p.cmdline())
    )


def main():
    p = argparse.ArgumentParser(description='Try the page that paints in a browser.')
    p.add_argument('--figures', type=Path, help='folder for screenshots')
    p.add_argument('--runs', type=int, default=3, help='paintings that are timed')
    add_flag(p)
    a = p.parse_args()
    program = chromium(a.may_skip)
    if not (PAGE / 'index.html').is_file():
        sys.exit('there is no build/html/paint; run python tools/paint_page.py')
    from playwright.sync_api import sync_playwright

    from stylecfm.evaluation.metrics import keep_results

    if a.figures:
        a.figures.mkdir(parents=True, exist_ok=True)
    served = functools.partial(Served, directory=str(PAGE.parent))
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), served)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url, r = f'http://127.0.0.1:{server.server_port}/paint/', {}
    with tempfile.TemporaryDirectory() as d, sync_playwright() as play:
        file = Path(d) / 'cup.png'
        image = test_image(file, SIDE)
        browser = play.chromium.launch(executable_path=program, args=FLAGS)
        said = wide(r, browser, url, a, file, image)
        phone = dict(viewport=dict(width=390, height=780), has_touch=True, is_mobile=True)
        r['phone'], more = on_a_phone(browser.new_context(**phone), url, a.figures, Path(d))
        browser.close()
        r['webgpu'], _ = by_gpu(play, program, url, file)
    server.shutdown()
    r['console'] = said + more
    r['page_mb'] = sum(f.stat().st_size for f in PAGE.rglob('*') if f.is_file()) / 1e6
    r['cores'], r['load'] = os.cpu_count(), os.getloadavg()[0]
    keep_results(ROOT / 'nbs' / 'results' / 'browser_paint.json', 'make paint-page', **r)
    print(json.dumps(r, indent=1))
    return faults(r)


def faults(r):
    "Say what is not as it must be; the number of such things."
    axe = [*r['axe'].values(), *r['phone']['axe'].values()]
    levels = [r['wasm_levels']['mean'], r['webgpu'].get('levels', r['wasm_levels'])['mean']]
    found = [
        *(f'a painting is {v:.2f} levels from the package\'s' for v in levels if not v <= 2),
        *(f'console: {line}' for line in r['console']),
        *(f'axe-core: {v}' for v in sum(filter(None, axe), [])),
        *(['it has no threads'] if not r['isolated'] else []),
        *(['the second load fetches something'] if r['second_load_mb'] > 0.01 else []),
        *(['it is wider than a phone'] if r['phone']['overflow'] > 0 else []),
        *(['no fall-back to WebAssembly'] if r['webgpu']['without_its_runtime'] != 'wasm' else []),
    ]
    print(*found, f'{len(found)} faults', sep='\n')
    return len(found) > 0


if __name__ == '__main__':
    sys.exit(main())
