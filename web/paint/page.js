// The page: choices, progress, comparison and download. All work is done in worker.js.
const $ = id => document.getElementById(id);
const NAMES = {
  monet: 'Monet', van_gogh: 'Van Gogh', roerich: 'Roerich', impressionist: 'Impressionists',
  chinese: 'Chinese ink',
};
const EXAMPLES = {coffee: 'Cup of coffee', rocket: 'Rocket', chelsea: 'Cat'};
const LARGEST = 4096; // longer side that is read from a file, pixels
const query = new URLSearchParams(location.search);

const state = {
  ready: false, style: 'van_gogh', photo: null, name: 'photo', version: 1, job: 0, busy: false,
  painting: false, sizeChosen: false,
};
const worker = new Worker('worker.js', {type: 'module'});

// ---------------------------------------------------------------- words and progress

function say(words, wrong = false) {
  $('words').textContent = words;
  $('words').classList.toggle('wrong', wrong);
}

function progress(share) {
  $('bar').firstElementChild.style.width = `${100 * share}%`;
  $('bar').setAttribute('aria-valuenow', Math.round(100 * share));
}

function busy(on, cancellable = false) {
  state.busy = on;
  document.body.classList.toggle('busy', on);
  $('cancel').hidden = !cancellable;
  const can = state.ready && !!state.photo;
  $('paint').disabled = !can || cancellable;
  $('another').disabled = !can || !state.painting || cancellable;
  $('save').disabled = !state.painting || cancellable;
}

// ---------------------------------------------------------------- the two pictures

function show(canvas, source, w, h) {
  canvas.width = w;
  canvas.height = h;
  const context = canvas.getContext('2d');
  if (source instanceof ImageData) context.putImageData(source, 0, 0);
  else context.drawImage(source, 0, 0, w, h);
}

function fit() {
  const frame = $('frame'), w = $('before').width, h = $('before').height, margin = 24;
  frame.style.height = '100vh'; // as high as the style sheet allows
  const k = Math.min((frame.clientWidth - margin) / w, (frame.clientHeight - margin) / h);
  frame.style.height = `${Math.round(h * k) + margin}px`;
  $('compare').style.width = `${Math.round(w * k)}px`;
  $('compare').style.height = `${Math.round(h * k)}px`;
}

function border(at) {
  $('border').value = at;
  $('compare').style.setProperty('--at', `${at}%`);
  document.querySelector('.label.left').style.opacity = at > 24 ? 1 : 0;
  document.querySelector('.label.right').style.opacity = at < 76 ? 1 : 0;
}

function glide(to) {
  const from = Number($('border').value), begun = performance.now(), length = 500;
  if (matchMedia('(prefers-reduced-motion: reduce)').matches) return border(to);
  const frame = now => {
    const u = Math.min(1, (now - begun) / length);
    border(from + (to - from) * (1 - (1 - u) ** 3));
    if (u < 1) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

// ---------------------------------------------------------------- photographs

async function take(blob, name) {
  try {
    const bitmap = await createImageBitmap(blob);
    if (Math.min(bitmap.width, bitmap.height) < 16) throw new Error('it is smaller than 16 pixels');
    const k = Math.min(1, LARGEST / Math.max(bitmap.width, bitmap.height));
    const size = {resizeWidth: Math.round(bitmap.width * k), resizeQuality: 'high'};
    state.photo = k < 1 ? await createImageBitmap(bitmap, size) : bitmap;
    state.name = name.replace(/\.\w+$/, '') || 'photo';
  } catch (e) {
    const why = e.message && !/decod/.test(e.message) ? ` (${e.message})` : '';
    return say(`This file cannot be read as a picture${why}. Choose a JPEG, PNG or WebP.`, true);
  }
  state.version = 1;
  state.painting = false;
  const [w, h] = sized(1024);
  show($('before'), state.photo, w, h);
  $('after').width = 1;
  fit();
  busy(state.busy, !$('cancel').hidden);
  if (state.ready) start();
}

function sized(longest) {
  const {width, height} = state.photo, k = Math.min(1, longest / Math.max(width, height));
  return [Math.max(16, Math.round(width * k)), Math.max(16, Math.round(height * k))];
}

// Halve a large picture until one drawing is a small reduction, which canvases do well.
function reduced(w, h) {
  let from = state.photo, [fw, fh] = [from.width, from.height];
  const step = (nw, nh) => {
    const c = new OffscreenCanvas(nw, nh), context = c.getContext('2d', {willReadFrequently: true});
    context.imageSmoothingQuality = 'high';
    context.drawImage(from, 0, 0, nw, nh);
    [from, fw, fh] = [c, nw, nh];
    return context;
  };
  while (fw > 2 * w && fh > 2 * h) step(Math.ceil(fw / 2), Math.ceil(fh / 2));
  return step(w, h).getImageData(0, 0, w, h);
}

// ---------------------------------------------------------------- painting

function start() {
  if (!state.photo || !state.ready) return;
  const [w, h] = sized(Number($('size').value)), image = reduced(w, h);
  show($('before'), image, w, h);
  $('after').width = 1;
  fit();
  border(Number($('border').value) > 90 ? 50 : Number($('border').value));
  state.painting = false;
  state.job += 1;
  $('painted-as').textContent = NAMES[state.style] ?? state.style;
  const choices = {
    source: 'photo', target: state.style, coarseness: Number($('coarseness').value),
    colours: Number($('colours').value), temperature: 1.02, calm: Number($('calm').value),
    steps: Number($('steps').value), seed: state.version - 1,
  };
  busy(true, true);
  progress(0.01);
  say('Looking at the composition …');
  if (innerWidth <= 860) scrollTo({top: 0, behavior: 'smooth'});
  worker.postMessage({type: 'paint', id: state.job, pixels: image.data, w, h, choices}, [
    image.data.buffer,
  ]);
}

function picture({pixels, w, h}) {
  show($('after'), new ImageData(pixels, w, h), w, h);
}

const heard = {
  loading({share}) {
    progress(share);
    say(share < 1 ? `Loading the painter: ${Math.round(100 * share)} %` : 'Starting the painter …');
  },
  ready({kind, threads, failed}) {
    state.ready = true;
    document.body.dataset.failed = failed.join('; ');
    if (!state.sizeChosen) $('size').value = kind === 'webgpu' ? '512' : threads > 1 ? '384' : '256';
    const how = kind === 'webgpu' ? 'WebGPU' : `WebAssembly, ${threads} thread${threads > 1 ? 's' : ''}`;
    const kept = navigator.serviceWorker?.controller ? ' It also works without a network from now on.' : '';
    $('facts').textContent = `Computes by ${how}.${kept}`;
    document.body.dataset.device = kind;
    busy(false);
    const touch = matchMedia('(pointer: coarse)').matches;
    say(`Choose a photograph${touch ? '' : ', or drop one anywhere on the page'}.`);
    if (state.photo) start();
  },
  preview(data) {
    if (data.id === state.job) picture(data);
  },
  step({id, pass, passes, step, steps, stepMs}) {
    if (id !== state.job) return;
    const done = passes === 1 ? step / steps : (pass ? 0.2 : 0) + (pass ? 0.8 : 0.2) * step / steps;
    progress(0.03 + 0.95 * done);
    const left = Math.ceil((steps - step) * stepMs / 1000);
    const time = left > 1 && !(passes > 1 && !pass) ? `, about ${left} s left` : '';
    say(`${passes > 1 ? (pass ? 'Brush, step' : 'Composition, step') : 'Step'} ${step} of ${steps}${time}`);
  },
  done(data) {
    if (data.id !== state.job) return;
    picture(data);
    state.painting = true;
    busy(false);
    progress(0);
    document.body.dataset.done = data.id;
    say(`Painted in ${data.seconds.toFixed(1)} seconds, ${data.w} × ${data.h} pixels.`);
    glide(50);
  },
  failed({why, loading, id}) {
    if (!loading && id !== state.job) return;
    busy(false);
    const what = loading ? 'The painter could not be loaded' : 'This could not be painted; try a smaller size';
    say(`${what} (${why}).`, true);
  },
};
worker.onmessage = ({data}) => heard[data.type](data);
worker.onerror = e => {
  busy(false);
  say(`This browser cannot run the painter (${e.message || 'no module workers'}).`, true);
};

// ---------------------------------------------------------------- controls

function choose(style, focus = false) {
  state.style = style;
  for (const card of $('styles').children) {
    const on = card.dataset.style === style;
    card.setAttribute('aria-checked', on);
    card.tabIndex = on ? 0 : -1;
    if (on && focus) card.focus();
    if (on) card.scrollIntoView({block: 'nearest', inline: 'nearest'});
  }
}

function cards() {
  for (const [style, name] of Object.entries(NAMES)) {
    const card = document.createElement('button');
    card.className = 'card';
    card.dataset.style = style;
    card.setAttribute('role', 'radio');
    card.innerHTML = `<img alt="" src="pictures/${style}.jpg"><span>${name}</span>`;
    card.onclick = () => {
      choose(style);
      start();
    };
    $('styles').append(card);
  }
  $('styles').onkeydown = e => {
    const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[e.key];
    if (!step) return;
    e.preventDefault();
    const all = Object.keys(NAMES);
    choose(all[(all.indexOf(state.style) + step + all.length) % all.length], true);
  };
  for (const [name, label] of Object.entries(EXAMPLES)) {
    const b = document.createElement('button');
    b.setAttribute('aria-label', `Example: ${label}`);
    b.dataset.example = name;
    b.innerHTML = `<img alt="" src="pictures/${name}.jpg">`;
    b.onclick = async () => take(await (await fetch(`pictures/${name}.jpg`)).blob(), name);
    $('examples').append(b);
  }
}

$('border').oninput = e => border(Number(e.target.value));
$('file').onchange = e => {
  const [file] = e.target.files;
  if (file) take(file, file.name);
  e.target.value = '';
};
$('size').onchange = () => (state.sizeChosen = true);
$('paint').onclick = start;
$('another').onclick = () => {
  state.version += 1;
  start();
};
$('cancel').onclick = () => {
  state.job += 1;
  worker.postMessage({type: 'cancel'});
  busy(false);
  progress(0);
  say('Cancelled.');
};
$('save').onclick = () => {
  $('after').toBlob(blob => {
    const a = document.createElement('a');
    a.href = URL.createObjectURL(blob);
    a.download = `${state.name}-${state.style}.png`;
    a.click();
    setTimeout(() => URL.revokeObjectURL(a.href), 10000);
  });
};
let depth = 0;
const dropping = on => document.body.classList.toggle('dropping', on);
addEventListener('dragenter', e => {
  e.preventDefault();
  dropping(++depth > 0);
});
addEventListener('dragleave', () => dropping(--depth > 0));
addEventListener('dragover', e => e.preventDefault());
addEventListener('drop', e => {
  e.preventDefault();
  dropping((depth = 0) > 0);
  const file = e.dataTransfer.files[0];
  if (file) take(file, file.name);
});
addEventListener('paste', e => {
  const file = [...e.clipboardData.files].find(f => f.type.startsWith('image/'));
  if (file) take(file, file.name || 'photo');
});
addEventListener('resize', fit);

// What is seen before a photograph is chosen: an example and its painting.
async function greet() {
  const load = async name => {
    const image = new Image();
    image.src = `pictures/${name}.jpg`;
    await image.decode();
    return image;
  };
  const [photo, painting] = await Promise.all([load('coffee'), load('hero')]);
  if (state.photo) return;
  $('painted-as').textContent = NAMES[state.style];
  show($('before'), photo, photo.naturalWidth, photo.naturalHeight);
  show($('after'), painting, photo.naturalWidth, photo.naturalHeight);
  fit();
  border(50);
}

// A service worker keeps the files for use without a network, and gives them the headers that
// threads need; for these the page is loaded a second time, once.
async function keep() {
  if (!('serviceWorker' in navigator) || query.has('plain')) return;
  try {
    const kept = navigator.serviceWorker.register('sw.js').then(() => navigator.serviceWorker.ready);
    await Promise.race([kept, new Promise((_, no) => setTimeout(no, 4000))]);
    if (crossOriginIsolated || sessionStorage.getItem('isolated')) return;
    sessionStorage.setItem('isolated', 'tried');
    location.reload();
    await new Promise(() => {});
  } catch {
    // without it the page works with one thread
  }
}

cards();
choose(state.style);
busy(true);
progress(0.01);
greet();
await keep();
worker.postMessage({type: 'load', device: query.get('device')});
