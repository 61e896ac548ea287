// The arithmetic around the three graphs: coarse picture, palettes, noise, solver, resampling.
// Formulas and constants are those of the notebooks 07_abstraction, 08_palettes,
// 13_data_prediction and 55_repaint. Images are planar: {data: Float32Array(c * h * w), h, w}.

const LUMA = [0.299, 0.587, 0.114], DISCS = 8, TOLERANCE = 4 / 255, FLOOR = 1e-4, DETAIL = 0.02;

// ---------------------------------------------------------------- borders and filters

// Positions from -m to n + m - 1 along a side of n: reflected, or replicated where n <= m.
function border(n, m) {
  const at = new Int32Array(n + 2 * m);
  for (let i = -m; i < n + m; i++) {
    const inside = n > m ? (i < 0 ? -i : i >= n ? 2 * n - 2 - i : i) : Math.min(n - 1, Math.max(0, i));
    at[i + m] = inside;
  }
  return at;
}

// PyTorch chooses reflection or replication by the shorter side, for both axes.
function borders(h, w, m) {
  const reflect = Math.min(h, w) > m;
  const one = n => {
    if (reflect) return border(n, m);
    return Int32Array.from({length: n + 2 * m}, (_, i) => Math.min(n - 1, Math.max(0, i - m)));
  };
  return [one(h), one(w)];
}

export function gaussianBlur(data, channels, h, w, sigma) {
  const m = Math.ceil(2.5 * sigma), taps = 2 * m + 1, k = new Float64Array(taps);
  let sum = 0;
  for (let i = 0; i < taps; i++) sum += k[i] = Math.exp(-((i - m) ** 2) / (2 * sigma * sigma));
  for (let i = 0; i < taps; i++) k[i] /= sum;
  const [rows, cols] = borders(h, w, m);
  const across = new Float32Array(h * w), out = new Float32Array(channels * h * w);
  const line = new Float64Array(w + 2 * m), total = new Float64Array(w);
  for (let c = 0; c < channels; c++) {
    const from = c * h * w;
    for (let y = 0; y < h; y++) {
      const row = from + y * w;
      for (let x = 0; x < w + 2 * m; x++) line[x] = data[row + cols[x]];
      for (let x = 0; x < w; x++) {
        let v = 0;
        for (let i = 0; i < taps; i++) v += k[i] * line[x + i];
        across[y * w + x] = v;
      }
    }
    for (let y = 0; y < h; y++) {
      total.fill(0);
      for (let i = 0; i < taps; i++) {
        const row = rows[y + i] * w, a = k[i];
        for (let x = 0; x < w; x++) total[x] += a * across[row + x];
      }
      out.set(total, from + y * w);
    }
  }
  return out;
}

// Python rounds halves to even.
function roundEven(x) {
  const r = Math.round(x);
  return Math.abs(x % 1) === 0.5 && r % 2 ? r - 1 : r;
}

// Means of the most uniform of eight discs around each pixel (07_abstraction: disc_kuwahara).
export function coarsePicture(image, radius) {
  if (!radius) return image;
  const {data, h, w} = image, shifts = [];
  for (let i = 0; i < DISCS; i++) {
    const a = 2 * Math.PI * i / DISCS;
    shifts.push([roundEven(0.9 * radius * Math.sin(a)), roundEven(0.9 * radius * Math.cos(a))]);
  }
  const e = Math.max(...shifts.flat().map(Math.abs));
  const H = h + 2 * e, W = w + 2 * e, N = H * W, [rows, cols] = borders(h, w, e);
  const f = new Float32Array(5 * N);
  for (let y = 0; y < H; y++) {
    for (let x = 0; x < W; x++) {
      const p = y * W + x, q = rows[y] * w + cols[x];
      let luma = 0;
      for (let c = 0; c < 3; c++) {
        const v = f[c * N + p] = data[c * h * w + q];
        luma += LUMA[c] * v;
      }
      f[3 * N + p] = luma;
      f[4 * N + p] = luma * luma;
    }
  }
  const b = gaussianBlur(f, 5, H, W, radius / 2), weight = new Float64Array(N);
  for (let p = 0; p < N; p++) {
    const variance = Math.max(0, b[4 * N + p] - b[3 * N + p] ** 2) / (TOLERANCE * TOLERANCE);
    weight[p] = 1 / (1 + variance ** 4);
  }
  const out = new Float32Array(3 * h * w);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      let r = 0, g = 0, u = 0, total = 0;
      for (const [dy, dx] of shifts) {
        const p = (y + e + dy) * W + x + e + dx, a = weight[p];
        r += a * b[p];
        g += a * b[N + p];
        u += a * b[2 * N + p];
        total += a;
      }
      const q = y * w + x, s = 1 / Math.max(total, 1e-30);
      out[q] = r * s;
      out[h * w + q] = g * s;
      out[2 * h * w + q] = u * s;
    }
  }
  return {data: out, h, w};
}

// ---------------------------------------------------------------- palettes

const mul = (a, b) => {
  const c = new Array(9).fill(0);
  for (let i = 0; i < 3; i++)
    for (let j = 0; j < 3; j++)
      for (let k = 0; k < 3; k++) c[3 * i + j] += a[3 * i + k] * b[3 * k + j];
  return c;
};

// Power of a symmetric positive 3 x 3 matrix, by Jacobi rotations.
export function matrixPower(matrix, power) {
  const a = [...matrix], v = [1, 0, 0, 0, 1, 0, 0, 0, 1];
  for (let sweep = 0; sweep < 12; sweep++) {
    for (const [p, q] of [[0, 1], [0, 2], [1, 2]]) {
      const off = a[3 * p + q];
      if (Math.abs(off) < 1e-300) continue;
      const theta = (a[4 * q] - a[4 * p]) / (2 * off);
      const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
      const c = 1 / Math.sqrt(t * t + 1), s = t * c;
      for (let k = 0; k < 3; k++) {
        const x = a[3 * k + p], y = a[3 * k + q];
        a[3 * k + p] = c * x - s * y;
        a[3 * k + q] = s * x + c * y;
      }
      for (let k = 0; k < 3; k++) {
        const x = a[3 * p + k], y = a[3 * q + k];
        a[3 * p + k] = c * x - s * y;
        a[3 * q + k] = s * x + c * y;
        const m = v[3 * k + p], n = v[3 * k + q];
        v[3 * k + p] = c * m - s * n;
        v[3 * k + q] = s * m + c * n;
      }
    }
  }
  const out = new Array(9).fill(0);
  for (let e = 0; e < 3; e++) {
    const w = Math.max(a[4 * e], 1e-12) ** power;
    for (let i = 0; i < 3; i++)
      for (let j = 0; j < 3; j++) out[3 * i + j] += w * v[3 * i + e] * v[3 * j + e];
  }
  return out;
}

export function paletteOf({data, h, w}) {
  const n = h * w, mean = [0, 0, 0], covariance = new Array(9).fill(0);
  for (let c = 0; c < 3; c++) {
    for (let p = 0; p < n; p++) mean[c] += data[c * n + p];
    mean[c] /= n;
  }
  for (let i = 0; i < 3; i++) {
    for (let j = i; j < 3; j++) {
      let s = 0;
      for (let p = 0; p < n; p++) s += (data[i * n + p] - mean[i]) * (data[j * n + p] - mean[j]);
      covariance[3 * i + j] = covariance[3 * j + i] = s / n + (i === j ? FLOOR : 0);
    }
  }
  return {mean, covariance};
}

const trace = m => m[0] + m[4] + m[8];

// Squared Bures-Wasserstein distance; `root` is the root of a's covariance.
function distance(a, root, b) {
  const cross = matrixPower(mul(mul(root, b.covariance), root), 0.5);
  const apart = a.mean.reduce((s, v, i) => s + (v - b.mean[i]) ** 2, 0);
  return apart + trace(a.covariance) + trace(b.covariance) - 2 * trace(cross);
}

const entry = (library, i) => ({mean: library.mean[i], covariance: library.covariance[i]});

// Palette that optimal transport between two collections gives to a picture: the mean of the
// target's palettes by the transport's weights; `pick` > 0 draws one of them.
export function transportedPalette(own, facts, source, target, pick = 0) {
  const library = facts.palettes[target], root = matrixPower(own.covariance, 0.5);
  const score = facts.potentials[source][target].map(
    (v, j) => (v - distance(own, root, entry(library, j))) / facts.blur);
  const top = Math.max(...score), raw = score.map(s => Math.exp(s - top));
  const total = raw.reduce((s, w) => s + w, 0), weight = raw.map(w => w / total);
  if (pick > 0) {
    let left = uniform(pick);
    const at = weight.findIndex(w => (left -= w) < 0);
    return entry(library, at < 0 ? weight.length - 1 : at);
  }
  const mixed = rows => rows[0].map((_, k) => rows.reduce((s, r, j) => s + weight[j] * r[k], 0));
  return {mean: mixed(library.mean), covariance: mixed(library.covariance)};
}

// Optimal-transport map of colours between two Gaussians, as far as `share` says.
export function recolour(image, from, to, share) {
  const r = matrixPower(from.covariance, 0.5), inverse = matrixPower(from.covariance, -0.5);
  const m = mul(mul(inverse, matrixPower(mul(mul(r, to.covariance), r), 0.5)), inverse);
  const {data, h, w} = image, n = h * w, out = new Float32Array(3 * n);
  for (let p = 0; p < n; p++) {
    const d = [0, 1, 2].map(c => data[c * n + p] - from.mean[c]);
    for (let i = 0; i < 3; i++) {
      const y = to.mean[i] + m[3 * i] * d[0] + m[3 * i + 1] * d[1] + m[3 * i + 2] * d[2];
      const x = data[i * n + p];
      out[i * n + p] = Math.min(1, Math.max(0, x + share * (y - x)));
    }
  }
  return {data: out, h, w};
}

// ---------------------------------------------------------------- noise

// Uniform numbers in [0, 1) of a seed: sfc32, the same on every machine.
function uniforms(seed) {
  let a = 0x9e3779b9 | 0, b = 0x243f6a88 | 0, c = 0xb7e15162 | 0, d = seed | 0;
  const next = () => {
    const t = (a + b | 0) + d | 0;
    d = d + 1 | 0;
    a = b ^ b >>> 9;
    b = c + (c << 3) | 0;
    c = (c << 21 | c >>> 11) + t | 0;
    return (t >>> 0) / 4294967296;
  };
  for (let i = 0; i < 20; i++) next();
  return next;
}

const uniform = seed => uniforms(seed)();

// Standard normal numbers of a seed, by Box-Muller.
export function noise(seed, n) {
  const next = uniforms(seed), out = new Float32Array(n);
  for (let i = 0; i < n; i += 2) {
    const r = Math.sqrt(-2 * Math.log(1 - next())), angle = 2 * Math.PI * next();
    out[i] = r * Math.cos(angle);
    if (i + 1 < n) out[i + 1] = r * Math.sin(angle);
  }
  return out;
}

// ---------------------------------------------------------------- the flow

// DPM-Solver++(2M) in equal steps from t = 0 to 1 (13_data_prediction: sample_data_prediction).
// `predict(x, t)` gives the data prediction; `after(step, prediction)` may throw to stop.
export async function sample(predict, x0, steps, after = async () => {}) {
  const ratio = k => Math.log(k / (steps - k));
  let x = x0, before = null;
  for (let k = 0; k < steps; k++) {
    const t = k / steps, end = (k + 1) / steps, left = (1 - end) / (1 - t), gain = end - t * left;
    const now = await predict(x, t), next = new Float32Array(x.length);
    let share = 0;
    if (before && k + 1 < steps) {
      const r = k > 1 ? (ratio(k) - ratio(k - 1)) / (ratio(k + 1) - ratio(k)) : 1;
      share = 1 / (2 * r);
    }
    for (let i = 0; i < x.length; i++) {
      const line = share ? now[i] + share * (now[i] - before[i]) : now[i];
      next[i] = left * x[i] + gain * line;
    }
    [x, before] = [next, now];
    await after(k, now);
  }
  return x;
}

// How much fine detail a picture has in each of h x w cells, in [0, 1): 0 where it is flat (a sky).
export function detailMap(image, h, w) {
  const H = image.h, W = image.w, N = H * W, y = new Float64Array(N);
  for (let c = 0; c < 3; c++) for (let p = 0; p < N; p++) y[p] += LUMA[c] * image.data[c * N + p];
  const mean = boxMean(y, H, W, 4), energy = new Float64Array(h * w), a = H / h, b = W / w;
  for (let i = 0; i < H; i++)
    for (let j = 0; j < W; j++)
      energy[Math.floor(i / a) * w + Math.floor(j / b)] += (y[i * W + j] - mean[i * W + j]) ** 2 / (a * b);
  return {data: boxMean(energy, h, w, 1).map(v => Math.sqrt(Math.max(v, 0))).map(v => v / (v + DETAIL)), h, w};
}

// Means over squares of 2 r + 1, borders repeated.
function boxMean(v, h, w, r) {
  const clamp = (k, n) => Math.min(n - 1, Math.max(0, k)), n = 2 * r + 1;
  const rows = new Float64Array(h * w), out = new Float64Array(h * w);
  for (let i = 0; i < h; i++)
    for (let j = 0; j < w; j++)
      for (let k = -r; k <= r; k++) rows[i * w + j] += v[i * w + clamp(j + k, w)] / n;
  for (let i = 0; i < h; i++)
    for (let k = -r; k <= r; k++) {
      const at = clamp(i + k, h) * w;
      for (let j = 0; j < w; j++) out[i * w + j] += rows[at + j] / n;
    }
  return out;
}

// A map at another size, bilinear, pixel centres at halves.
function bilinear(map, h, w) {
  if (map.h === h && map.w === w) return map.data;
  const place = (i, n, m) => {
    const v = Math.max(0, (i + 0.5) * m / n - 0.5), k = Math.min(m - 1, Math.floor(v));
    return [k, Math.min(m - 1, k + 1), v - k];
  };
  const out = new Float64Array(h * w);
  for (let i = 0; i < h; i++) {
    const [a, b, s] = place(i, h, map.h);
    for (let j = 0; j < w; j++) {
      const [c, d, t] = place(j, w, map.w), at = (y, x) => map.data[y * map.w + x];
      out[i * w + j] = (1 - s) * ((1 - t) * at(a, c) + t * at(a, d)) + s * ((1 - t) * at(b, c) + t * at(b, d));
    }
  }
  return out;
}

// Paint a picture at its own size, sides divisible by the factor. `engine` has `encode`,
// `velocity` and `decode`; `choices` has source, target, coarseness, colours, temperature, calm,
// steps, seed. `detail` is the map that lowers the noise; without it, that of the picture.
export async function paintOnce(engine, facts, image, choices, after, detail) {
  const {coarseness, source, target, colours, temperature, calm = 0, steps, seed} = choices;
  const coarse = coarsePicture(image, coarseness);
  let moved = coarse;
  if (colours > 0 && facts.palettes[target]) {
    const own = paletteOf(coarse);
    moved = recolour(coarse, own, transportedPalette(own, facts, source, target, seed), colours);
  }
  await after?.begun?.(moved);
  const c = facts.latent_channels, h = image.h / facts.factor, w = image.w / facts.factor;
  const latent = await engine.encode(moved), n = c * h * w;
  const share = bilinear(detail ?? detailMap(image, h, w), h, w);
  const x0 = noise(seed, n).map((v, i) => v * temperature * (1 - calm * (1 - share[i % (h * w)])));
  const both = new Float32Array((c + facts.condition_channels) * h * w);
  both.set(latent, n);
  both.fill(coarseness / facts.radius_unit, 2 * n);
  const style = facts.styles.indexOf(target);
  const predict = async (x, t) => {
    both.set(x);
    const v = await engine.velocity(both, h, w, t, style);
    const remaining = Math.max(1 - t, facts.least_remaining);
    return x.map((xi, i) => xi + remaining * v[i]);
  };
  const x = await sample(predict, x0, steps, (k, d) => after?.step?.(k, d, h, w));
  return engine.decode(x, h, w);
}

// Paint a picture of any size: a large one small first, then with a brush of the full size over
// the enlarged painting (55_repaint: paint_images). `after.pass(p)` is called before pass p.
export async function paint(engine, facts, photo, choices, after, base = 512) {
  const image = padded(photo, facts.factor), longest = Math.max(image.h, image.w);
  const cut = painting => cropped(painting, photo.h, photo.w);
  if (longest <= 1.25 * base) return cut(await paintOnce(engine, facts, image, choices, after));
  const side = n => Math.max(2, Math.round(n * base / longest / facts.factor)) * facts.factor;
  const small = resized(image, side(image.h), side(image.w));
  const detail = detailMap(small, small.h / facts.factor, small.w / facts.factor);
  const first = await paintOnce(engine, facts, small, choices, after, detail);
  await after?.pass?.(1);
  const coarseness = Math.min(8, Math.max(3, 1.5 * longest / base));
  const over = {...choices, colours: 0, coarseness};
  return cut(await paintOnce(engine, facts, resized(first, image.h, image.w), over, after, detail));
}

// ---------------------------------------------------------------- sizes

export function padded({data, h, w}, factor) {
  const H = h + (factor - h % factor) % factor, W = w + (factor - w % factor) % factor;
  if (H === h && W === w) return {data, h, w};
  const out = new Float32Array(3 * H * W);
  for (let c = 0; c < 3; c++)
    for (let y = 0; y < H; y++)
      for (let x = 0; x < W; x++) {
        const v = y < h ? y : 2 * h - 2 - y, u = x < w ? x : 2 * w - 2 - x;
        out[(c * H + y) * W + x] = data[(c * h + v) * w + u];
      }
  return {data: out, h: H, w: W};
}

export function cropped({data, h, w}, H, W) {
  if (H === h && W === w) return {data, h, w};
  const out = new Float32Array(3 * H * W);
  for (let c = 0; c < 3; c++)
    for (let y = 0; y < H; y++)
      out.set(data.subarray((c * h + y) * w, (c * h + y) * w + W), (c * H + y) * W);
  return {data: out, h: H, w: W};
}

// Weights of the bicubic filter (a = -1/2), widened where it shrinks; rows of [first, weights].
function cubicRows(n, to) {
  const scale = n / to, wide = Math.max(1, scale), rows = [];
  const cubic = x => {
    x = Math.abs(x);
    return x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
  };
  for (let i = 0; i < to; i++) {
    const centre = scale * (i + 0.5);
    const first = Math.max(0, Math.floor(centre - 2 * wide + 0.5));
    const last = Math.min(n, Math.floor(centre + 2 * wide + 0.5));
    const weights = [];
    for (let j = first; j < last; j++) weights.push(cubic((j - centre + 0.5) / wide));
    const sum = weights.reduce((a, b) => a + b, 0);
    rows.push([first, weights.map(v => v / sum)]);
  }
  return rows;
}

export function resized({data, h, w}, H, W) {
  if (h === H && w === W) return {data, h, w};
  const down = cubicRows(h, H), across = cubicRows(w, W);
  const wide = new Float32Array(h * W), out = new Float32Array(3 * H * W);
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < h; y++)
      for (let x = 0; x < W; x++) {
        const [first, weights] = across[x];
        let v = 0;
        for (let i = 0; i < weights.length; i++) v += weights[i] * data[(c * h + y) * w + first + i];
        wide[y * W + x] = v;
      }
    for (let y = 0; y < H; y++) {
      const [first, weights] = down[y];
      for (let x = 0; x < W; x++) {
        let v = 0;
        for (let i = 0; i < weights.length; i++) v += weights[i] * wide[(first + i) * W + x];
        out[(c * H + y) * W + x] = Math.min(1, Math.max(0, v));
      }
    }
  }
  return {data: out, h: H, w: W};
}

// ---------------------------------------------------------------- pixels

// Pixels of a canvas, RGBA bytes, as an image in [0, 1]; what is transparent lies on white.
export function fromPixels(pixels, h, w) {
  const n = h * w, data = new Float32Array(3 * n);
  for (let p = 0; p < n; p++) {
    const a = pixels[4 * p + 3] / 255;
    for (let c = 0; c < 3; c++) data[c * n + p] = (pixels[4 * p + c] / 255) * a + 1 - a;
  }
  return {data, h, w};
}

export function toPixels({data, h, w}) {
  const n = h * w, out = new Uint8ClampedArray(4 * n);
  for (let p = 0; p < n; p++) {
    for (let c = 0; c < 3; c++) out[4 * p + c] = data[c * n + p] * 255;
    out[4 * p + 3] = 255;
  }
  return out;
}
