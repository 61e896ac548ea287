// Loads a runtime and paints, beside the page, so that the page never waits.
import {hasGpu, start, threads} from './engine.js';
import {fromPixels, paint, toPixels} from './paint.js';

const PREVIEW_STEP = 350; // milliseconds of a step above which unfinished paintings are shown
let engine, facts, wanted = 0;

const breath = () => new Promise(r => setTimeout(r)); // lets a cancellation come in

async function load({device}) {
  const sizes = await (await fetch('files.json')).json();
  facts = await (await fetch('model/model.json')).json();
  const said = share => postMessage({type: 'loading', share});
  const gpu = device !== 'wasm' && (await hasGpu(device === 'webgpu'));
  const kinds = gpu ? ['webgpu', 'wasm'] : ['wasm'];
  const failed = [];
  for (const kind of kinds) {
    try {
      engine = await start(kind, facts, sizes, said);
      break;
    } catch (e) {
      failed.push(`${kind}: ${e.message}`);
    }
  }
  if (!engine) throw new Error(failed.join('; '));
  postMessage({type: 'ready', kind: engine.kind, threads: threads(), failed, styles: facts.styles});
}

async function work({id, pixels, h, w, choices}) {
  const begun = performance.now(), photo = fromPixels(pixels, h, w);
  const passes = Math.max(h, w) > 640 ? 2 : 1;
  let pass = 0, last = 0, stepMs = 0;
  const send = (image, type, more = {}) => {
    const bytes = toPixels(image);
    postMessage({type, id, pixels: bytes, h: image.h, w: image.w, ...more}, [bytes.buffer]);
  };
  const after = {
    pass: p => {
      pass = p;
    },
    begun: async coarse => {
      await breath();
      if (id !== wanted) throw new Cancelled();
      if (pass === 0) send(coarse, 'preview');
      last = performance.now();
    },
    step: async (k, prediction, lh, lw) => {
      stepMs = performance.now() - last;
      postMessage({type: 'step', id, pass, passes, step: k + 1, steps: choices.steps, stepMs});
      await breath();
      if (id !== wanted) throw new Cancelled();
      const shown = stepMs > PREVIEW_STEP && k % 3 === 2 && k + 1 < choices.steps;
      if (shown) send(await engine.decode(prediction, lh, lw), 'preview');
      last = performance.now();
    },
  };
  const done = await paint(engine, facts, photo, choices, after);
  send(done, 'done', {seconds: (performance.now() - begun) / 1000});
}

class Cancelled extends Error {}

let queue = Promise.resolve();
onmessage = ({data}) => {
  if (data.type === 'cancel') {
    wanted = 0;
    return;
  }
  if (data.type === 'paint') wanted = data.id;
  const task = data.type === 'load' ? load : work;
  queue = queue.then(async () => {
    if (data.type === 'paint' && data.id !== wanted) return;
    try {
      await task(data);
    } catch (e) {
      if (e instanceof Cancelled) return;
      postMessage({type: 'failed', id: data.id, loading: task === load, why: e.message});
    }
  });
};
