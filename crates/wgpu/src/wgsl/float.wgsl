// Functions of f32. WGSL leaves its own ones loose (a sine may be wrong by 2^-11, a NaN may vanish from a maximum),
// so the ones that matter are written here, with integer tests for NaN and infinity. `opaque` hides a value from
// the compiler: it may neither contract nor cancel across it.
// Polynomials: Cephes (Moshier), single precision, where not said otherwise.

fn is_nan(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn is_inf(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u;
}

fn is_finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) < 0x7f800000u;
}

fn is_negative(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x80000000u) != 0u;
}

// WGSL's `!=` becomes an ordered comparison, which is false for NaN.
fn not_equal(x: f32, y: f32) -> bool {
  return x != y || is_nan(x) || is_nan(y);
}

fn inf() -> f32 {
  return bitcast<f32>(P.v[0].y ^ 0x7f800000u);
}

fn nan() -> f32 {
  return bitcast<f32>(P.v[0].y ^ 0x7fc00000u);
}

fn opaque(x: f32) -> f32 {
  return bitcast<f32>(bitcast<u32>(x) ^ P.v[0].y);
}

// The magnitude of the first with the sign of the second.
fn copysign(x: f32, y: f32) -> f32 {
  return bitcast<f32>((bitcast<u32>(x) & 0x7fffffffu) | (bitcast<u32>(y) & 0x80000000u));
}

fn max(x: f32, y: f32) -> f32 {
  let larger = select(y, x, x > y);
  return select(select(larger, y, is_nan(y)), x, is_nan(x));
}

fn min(x: f32, y: f32) -> f32 {
  let smaller = select(y, x, x < y);
  return select(select(smaller, y, is_nan(y)), x, is_nan(x));
}

// ln(exp(x) + exp(y)), kept in range by the greater.
fn log_add_exp(x: f32, y: f32) -> f32 {
  let swap = !(x >= y);
  let high = select(x, y, swap);
  let low = select(y, x, swap);
  let sum = high + log1p(exp(low - high));
  // Both -inf, or +inf and anything: the difference would be NaN.
  return select(select(select(sum, high, is_inf(high)), y, is_nan(y)), x, is_nan(x));
}

fn sign(x: f32) -> f32 {
  // By bits: both zeros give the positive one, which a driver's own sign does not.
  let bits = bitcast<u32>(x);
  let signed = select(0u, (bits & 0x80000000u) | 0x3f800000u, (bits & 0x7fffffffu) != 0u);
  return select(bitcast<f32>(signed), x, is_nan(x));
}

// x * 2^n for a result that may be subnormal or infinite: two steps, so that neither factor leaves the range.
fn scale(x: f32, n: i32) -> f32 {
  let a = n / 2;
  let b = n - a;
  return opaque(x * bitcast<f32>(u32(a + 127) << 23u)) * bitcast<f32>(u32(b + 127) << 23u);
}

fn exp(x: f32) -> f32 {
  let c = select(select(x, 89.0, x > 89.0), -104.0, x < -104.0);
  let n = round(c * 1.44269504088896341);
  let r = opaque(c - opaque(n * 0.693359375)) - opaque(n * -2.12194440e-4);
  var p = 1.9875691500e-4;
  p = p * r + 1.3981999507e-3;
  p = p * r + 8.3334519073e-3;
  p = p * r + 4.1665795894e-2;
  p = p * r + 1.6666665459e-1;
  p = p * r + 5.0000001201e-1;
  p = p * (r * r) + r + 1.0;
  let y = scale(p, i32(n));
  return select(select(y, inf(), x > 88.7228394), x, is_nan(x));
}

fn exp2(x: f32) -> f32 {
  let c = select(select(x, 129.0, x > 129.0), -151.0, x < -151.0);
  let n = round(c);
  let r = (c - n) * 0.693147180559945309;
  var p = 1.9875691500e-4;
  p = p * r + 1.3981999507e-3;
  p = p * r + 8.3334519073e-3;
  p = p * r + 4.1665795894e-2;
  p = p * r + 1.6666665459e-1;
  p = p * r + 5.0000001201e-1;
  p = p * (r * r) + r + 1.0;
  let y = scale(p, i32(n));
  return select(select(y, inf(), x >= 128.0), x, is_nan(x));
}

// Taylor's series below 0.6, where the difference would cancel.
fn expm1(x: f32) -> f32 {
  var p = 2.505210839e-8;
  p = p * x + 2.755731922e-7;
  p = p * x + 2.755731922e-6;
  p = p * x + 2.480158730e-5;
  p = p * x + 1.984126984e-4;
  p = p * x + 1.388888889e-3;
  p = p * x + 8.333333333e-3;
  p = p * x + 4.166666667e-2;
  p = p * x + 1.666666667e-1;
  p = p * x + 0.5;
  let small = p * (x * x) + x;
  return select(exp(x) - 1.0, small, abs(x) < 0.6 || is_nan(x));
}

// log(1 + r) for 1 + r between sqrt(1/2) and sqrt(2).
fn log_near_one(r: f32) -> f32 {
  let z = r * r;
  var p = 7.0376836292e-2;
  p = p * r - 1.1514610310e-1;
  p = p * r + 1.1676998740e-1;
  p = p * r - 1.2420140846e-1;
  p = p * r + 1.4249322787e-1;
  p = p * r - 1.6668057665e-1;
  p = p * r + 2.0000714765e-1;
  p = p * r - 2.4999993993e-1;
  p = p * r + 3.3333331174e-1;
  return p * r * z;
}

// x = m * 2^e, m between sqrt(1/2) and sqrt(2); for positive finite x.
fn split_exponent(x: f32) -> vec2<f32> {
  let tiny = bitcast<u32>(x) < 0x00800000u;
  let normal = select(x, x * 33554432.0, tiny);
  let bits = bitcast<u32>(normal);
  var e = i32(bits >> 23u) - 126 - select(0, 25, tiny);
  var m = bitcast<f32>((bits & 0x007fffffu) | 0x3f000000u);
  if (m < 0.707106781) {
    m = m + m;
    e = e - 1;
  }
  return vec2<f32>(m, f32(e));
}

fn log(x: f32) -> f32 {
  let s = split_exponent(x);
  let r = s.x - 1.0;
  var y = log_near_one(r);
  y = y + s.y * -2.12194440e-4;
  y = y - 0.5 * (r * r);
  y = opaque(r + y) + s.y * 0.693359375;
  y = select(y, -inf(), x == 0.0);
  y = select(y, nan(), x < 0.0);
  return select(y, x, is_nan(x) || bitcast<u32>(x) == 0x7f800000u);
}

fn log2(x: f32) -> f32 {
  let s = split_exponent(x);
  let r = s.x - 1.0;
  let y = log_near_one(r) - 0.5 * (r * r);
  // 1.44269504 = 1 + 0.44269504: the large part is added without rounding the small ones.
  var l = y * 0.44269504088896341 + r * 0.44269504088896341 + y + r + s.y;
  l = select(l, -inf(), x == 0.0);
  l = select(l, nan(), x < 0.0);
  return select(l, x, is_nan(x) || bitcast<u32>(x) == 0x7f800000u);
}

fn log10(x: f32) -> f32 {
  return log(x) * 0.434294481903251828;
}

// log(u) + the part of x that u = 1 + x lost.
fn log1p(x: f32) -> f32 {
  let u = opaque(1.0 + x);
  let lost = x - opaque(u - 1.0);
  let y = log(u) + select(lost / u, 0.0, is_inf(u) || u == 0.0);
  return select(y, x, is_nan(x) || abs(x) < 5.9e-8);
}

fn sigmoid(x: f32) -> f32 {
  let e = exp(-abs(x));
  let y = select(e, 1.0, x >= 0.0) / (1.0 + e);
  return select(y, x, is_nan(x));
}

fn softplus(x: f32) -> f32 {
  return max(x, 0.0) + log1p(exp(-abs(x)));
}

fn tanh(x: f32) -> f32 {
  let z = x * x;
  var p = -5.70498872745e-3;
  p = p * z + 2.06390887954e-2;
  p = p * z - 5.37397155531e-2;
  p = p * z + 1.33314422036e-1;
  p = p * z - 3.33332819422e-1;
  let small = p * z * x + x;
  let a = abs(x);
  let large = copysign(select(1.0 - 2.0 / (exp(a + a) + 1.0), 1.0, a > 9.2), x);
  return select(large, small, a < 0.625 || is_nan(x));
}

fn sinh(x: f32) -> f32 {
  let z = x * x;
  var p = 2.505210839e-8;
  p = p * z + 2.755731922e-6;
  p = p * z + 1.984126984e-4;
  p = p * z + 8.333333333e-3;
  p = p * z + 1.666666667e-1;
  let small = p * z * x + x;
  let h = exp(0.5 * abs(x));
  let large = copysign(opaque(0.5 * h) * h - 0.5 / h / h, x);
  return select(large, small, abs(x) < 1.0 || is_nan(x));
}

fn cosh(x: f32) -> f32 {
  let h = exp(0.5 * abs(x));
  return opaque(0.5 * h) * h + 0.5 / h / h;
}

fn asinh(x: f32) -> f32 {
  let a = abs(x);
  let z = a * a;
  var p = 2.0122003309e-2;
  p = p * z - 4.2699340972e-2;
  p = p * z + 7.4847586088e-2;
  p = p * z - 1.6666288134e-1;
  let small = p * z * x + x;
  let middle = log(a + sqrt(z + 1.0));
  let large = log(a) + 0.693147180559945309;
  let y = copysign(select(middle, large, a > 1.0e4), x);
  return select(y, small, a < 0.5 || is_nan(x));
}

fn acosh(x: f32) -> f32 {
  let t = x - 1.0;
  let middle = log1p(t + sqrt(t * (t + 2.0)));
  let y = select(middle, log(x) + 0.693147180559945309, x > 1.0e4);
  return select(select(y, nan(), x < 1.0), x, is_nan(x));
}

fn atanh(x: f32) -> f32 {
  let a = abs(x);
  let y = copysign(0.5 * log1p((a + a) / (1.0 - a)), x);
  let at_edge = select(y, copysign(inf(), x), a == 1.0);
  return select(select(at_edge, nan(), a > 1.0), x, is_nan(x) || a < 1.0e-4);
}

// The remainder of x by pi/2 between -pi/4 and pi/4, and the quadrant. Three parts of pi/2 up to 8192; beyond, the
// fraction of x * 2/pi from the bits of 2/pi (Payne and Hanek).
fn reduce_angle(x: f32) -> vec2<f32> {
  let a = abs(x);
  if (a < 8192.0) {
    let n = round(a * 0.636619772367581343);
    var r = opaque(a - opaque(n * 1.5703125));
    r = opaque(r - opaque(n * 4.83751296997e-4));
    r = opaque(r - opaque(n * 7.54953362e-8));
    r = r - n * 2.5633441e-12;
    return vec2<f32>(r, f32(i32(n) & 3));
  }
  let bits = bitcast<u32>(a);
  let m = (bits & 0x007fffffu) | 0x00800000u;
  // x = m * 2^shift. Of 2/pi the 96 bits from weight 2^(1 - shift) on matter: the ones before only add multiples of 4.
  let shift = i32(bits >> 23u) - 150;
  var two_over_pi = array<u32, 8>(0u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u,
    0xfe5163abu);
  let from_bit = u32(shift + 30);
  let w = from_bit / 32u;
  let s = from_bit % 32u;
  var part: array<u32, 3>;
  for (var i = 0u; i < 3u; i++) {
    part[i] = (two_over_pi[w + i] << s) | select(two_over_pi[w + i + 1u] >> (32u - s), 0u, s == 0u);
  }
  // The low 96 bits of m * part, in units of 2^-94: the top two bits are the quadrant.
  let p2 = mul_wide(m, part[2]);
  let p1 = mul_wide(m, part[1]);
  let low = p2.x + p1.y;
  let high = m * part[0] + p1.x + select(0u, 1u, low < p1.y);
  var q = high >> 30u;
  var f0 = (high << 2u) | (low >> 30u);
  var f1 = (low << 2u) | (p2.y >> 30u);
  let up = f0 >= 0x80000000u;
  if (up) {
    q = q + 1u;
    f0 = ~f0;
    f1 = ~f1;
  }
  let r = (f32(f0) * 2.3283064365386963e-10 + f32(f1) * 5.421010862427522e-20) * 1.57079632679489662;
  return vec2<f32>(select(r, -r, up), f32(q & 3u));
}

fn sin_poly(r: f32) -> f32 {
  let z = r * r;
  return ((-1.9515295891e-4 * z + 8.3321608736e-3) * z - 1.6666654611e-1) * z * r + r;
}

fn cos_poly(r: f32) -> f32 {
  let z = r * r;
  return ((2.443315711809948e-5 * z - 1.388731625493765e-3) * z + 4.166664568298827e-2) * (z * z) - 0.5 * z + 1.0;
}

fn sin(x: f32) -> f32 {
  let s = reduce_angle(x);
  let odd = s.y == 1.0 || s.y == 3.0;
  let v = select(sin_poly(s.x), cos_poly(s.x), odd);
  let flip = (s.y >= 2.0) != is_negative(x);
  let y = select(v, -v, flip);
  return select(select(y, nan(), is_inf(x)), x, is_nan(x) || x == 0.0);
}

fn cos(x: f32) -> f32 {
  let s = reduce_angle(x);
  let odd = s.y == 1.0 || s.y == 3.0;
  let v = select(cos_poly(s.x), sin_poly(s.x), odd);
  let y = select(v, -v, s.y == 1.0 || s.y == 2.0);
  return select(select(y, nan(), is_inf(x)), x, is_nan(x));
}

fn tan(x: f32) -> f32 {
  let s = reduce_angle(x);
  let odd = s.y == 1.0 || s.y == 3.0;
  let a = sin_poly(s.x);
  let b = cos_poly(s.x);
  let v = select(a / b, -b / a, odd);
  let y = select(v, -v, is_negative(x));
  return select(select(y, nan(), is_inf(x)), x, is_nan(x) || x == 0.0);
}

fn asin_poly(z: f32) -> f32 {
  var p = 4.2163199048e-2;
  p = p * z + 2.4181311049e-2;
  p = p * z + 4.5470025998e-2;
  p = p * z + 7.4953002686e-2;
  p = p * z + 1.6666752422e-1;
  return p * z;
}

fn asin(x: f32) -> f32 {
  let a = abs(x);
  let small = asin_poly(a * a) * a + a;
  let h = sqrt(0.5 * (1.0 - a));
  let large = 1.57079632679489662 - 2.0 * (asin_poly(h * h) * h + h);
  let y = copysign(select(small, large, a > 0.5), x);
  return select(select(y, nan(), a > 1.0), x, is_nan(x));
}

fn acos(x: f32) -> f32 {
  let a = abs(x);
  let middle = 1.57079632679489662 - (asin_poly(a * a) * x + x);
  let h = sqrt(0.5 * (1.0 - a));
  let edge = 2.0 * (asin_poly(h * h) * h + h);
  let large = select(edge, 3.14159265358979324 - edge, x < 0.0);
  let y = select(middle, large, a > 0.5);
  return select(select(y, nan(), a > 1.0), x, is_nan(x));
}

fn atan(x: f32) -> f32 {
  let a = abs(x);
  let far = a > 2.414213562373095;
  let middle = a > 0.4142135623730950;
  let t = select(select(a, (a - 1.0) / (a + 1.0), middle), -1.0 / a, far);
  let base = select(select(0.0, 0.785398163397448309, middle), 1.57079632679489662, far);
  let z = t * t;
  var p = 8.05374449538e-2;
  p = p * z - 1.38776856032e-1;
  p = p * z + 1.99777106478e-1;
  p = p * z - 3.33329491539e-1;
  let y = base + (p * z * t + t);
  return select(copysign(select(y, 1.57079632679489662, is_inf(x)), x), x, is_nan(x));
}

fn atan2(y: f32, x: f32) -> f32 {
  let a = abs(y);
  let b = abs(x);
  let swap = a > b;
  let ratio = select(a, b, swap) / select(b, a, swap);
  let both = is_inf(x) && is_inf(y);
  var t = atan(select(select(ratio, 0.0, a == 0.0 && b == 0.0), 1.0, both));
  t = select(t, 1.57079632679489662 - t, swap);
  t = select(t, 3.14159265358979324 - t, is_negative(x));
  return select(select(copysign(t, y), y, is_nan(y)), x, is_nan(x));
}

// exp(-x * x) with the square's rounding error given back.
fn exp_minus_square(x: f32) -> f32 {
  let h = bitcast<f32>(bitcast<u32>(x) & 0xfffff000u);
  return exp(-opaque(h * h)) * exp(-(x - h) * (x + h));
}

// erfc(x) * x * exp(x^2) for x of at least 2, as a polynomial in y = 1 / x^2.
fn erfc_far(y: f32) -> f32 {
  var r = -1.047766399936249e+1;
  r = r * y + 1.297719955372516e+1;
  r = r * y - 7.495518717768503e+0;
  r = r * y + 2.921019019210786e+0;
  r = r * y - 1.015265279202700e+0;
  r = r * y + 4.218463358204948e-1;
  r = r * y - 2.820767439740514e-1;
  return r * y + 5.641895067754075e-1;
}

// erfc for x of at least 1.
fn erfc_tail(x: f32) -> f32 {
  let q = 1.0 / x;
  let y = q * q;
  var p = 2.326819970068386e-2;
  p = p * y - 1.387039388740657e-1;
  p = p * y + 3.687424674597105e-1;
  p = p * y - 5.824733027278666e-1;
  p = p * y + 6.210004621745983e-1;
  p = p * y - 4.944515323274145e-1;
  p = p * y + 3.404879937665872e-1;
  p = p * y - 2.741127028184656e-1;
  p = p * y + 5.638259427386472e-1;
  let r = erfc_far(y);
  return select(exp_minus_square(x) * q * select(r, p, x < 2.0), 0.0, x > 10.1);
}

fn erf_series(x: f32) -> f32 {
  let z = x * x;
  var p = 7.853861353153693e-5;
  p = p * z - 8.010193625184903e-4;
  p = p * z + 5.188327685732524e-3;
  p = p * z - 2.685381193529856e-2;
  p = p * z + 1.128358514861418e-1;
  p = p * z - 3.761262582423300e-1;
  p = p * z + 1.128379165726710e+0;
  return p * x;
}

fn erf(x: f32) -> f32 {
  let a = abs(x);
  let tail = copysign(1.0 - erfc_tail(select(a, 1.0, a < 1.0)), x);
  return select(select(tail, erf_series(x), a < 1.0), x, is_nan(x));
}

fn erfc(x: f32) -> f32 {
  let a = abs(x);
  let tail = erfc_tail(select(a, 1.0, a < 1.0));
  let far = select(tail, 2.0 - tail, x < 0.0);
  return select(select(far, 1.0 - erf_series(x), a < 1.0), x, is_nan(x));
}

// The inverse of erf (Giles, "Approximating the erfinv function", single precision), given w = -log(1 - x^2) too.
fn erfinv_of(x: f32, w: f32) -> f32 {
  var c = w - 2.5;
  var p = 2.81022636e-08;
  p = p * c + 3.43273939e-07;
  p = p * c - 3.5233877e-06;
  p = p * c - 4.39150654e-06;
  p = p * c + 0.00021858087;
  p = p * c - 0.00125372503;
  p = p * c - 0.00417768164;
  p = p * c + 0.246640727;
  p = p * c + 1.50140941;
  c = sqrt(select(w, 5.0, w < 5.0)) - 3.0;
  var t = -0.000200214257;
  t = t * c + 0.000100950558;
  t = t * c + 0.00134934322;
  t = t * c - 0.00367342844;
  t = t * c + 0.00573950773;
  t = t * c - 0.0076224613;
  t = t * c + 0.00943887047;
  t = t * c + 1.00167406;
  t = t * c + 2.83297682;
  return select(t, p, w < 5.0) * x;
}

fn erfinv(x: f32) -> f32 {
  let y = erfinv_of(x, -log1p(-x * x));
  let edge = select(y, copysign(inf(), x), abs(x) == 1.0);
  return select(select(edge, nan(), abs(x) > 1.0), x, is_nan(x));
}

// The point above which a standard normal number lies with probability p below 1e-7: Newton's steps on the logarithm
// of the tail.
fn normal_tail(p: f32) -> f32 {
  let l = log(p);
  let start = sqrt(-2.0 * l);
  var t = start - log(2.50662827463100050 * start) / start;
  for (var i = 0; i < 3; i++) {
    let q = 1.41421356237309505 / t;
    let f = log(0.5 * q * erfc_far(q * q)) - 0.5 * t * t - l;
    t = t + f * t / (t * t + 1.0);
  }
  return t;
}

// The standard normal quantile. 1 - (2p - 1)^2 is 4p(1 - p), which keeps its digits at both ends.
fn ndtri(p: f32) -> f32 {
  let middle = 1.41421356237309505 * erfinv_of(2.0 * p - 1.0, -log(4.0 * p * (1.0 - p)));
  let y = select(middle, -normal_tail(select(1.0e-8, p, p > 0.0)), p < 1.0e-7);
  let edge = select(select(y, -inf(), p == 0.0), inf(), p == 1.0);
  return select(select(edge, nan(), p < 0.0 || p > 1.0), p, is_nan(p));
}

// The logarithm of gamma at 2 + z for |z| up to 1/2: Taylor's series, coefficients (zeta(k) - 1) / k, alternating.
fn lgamma_at_two(z: f32) -> f32 {
  var p = -2.039215754e-6;
  p = p * z + 4.374866790e-6;
  p = p * z - 9.439488275e-6;
  p = p * z + 2.050721278e-5;
  p = p * z - 4.492623674e-5;
  p = p * z + 9.945751278e-5;
  p = p * z - 2.231547585e-4;
  p = p * z + 5.096695247e-4;
  p = p * z - 1.192753912e-3;
  p = p * z + 2.890510331e-3;
  p = p * z - 7.385551029e-3;
  p = p * z + 2.058080843e-2;
  p = p * z - 6.735230105e-2;
  p = p * z + 3.224670334e-1;
  p = p * z + 4.227843351e-1;
  return p * z;
}

fn lgamma_positive(x: f32) -> f32 {
  if (x >= 8.0) {
    let q = 1.0 / x;
    let z = q * q;
    let series = ((-5.95238095e-4 * z + 7.93650794e-4) * z - 2.77777778e-3) * z + 8.33333333e-2;
    let y = (x - 0.5) * (log(x) - 1.0) + (series * q + 0.418938533204672742);
    return select(y, inf(), x > 4.08500343e36);
  }
  if (x < 0.5) {
    return lgamma_at_two(x) - log1p(x) - log(x);
  }
  if (x < 1.5) {
    return lgamma_at_two(x - 1.0) - log1p(x - 1.0);
  }
  var t = x;
  var product = 1.0;
  while (t > 2.5) {
    t = t - 1.0;
    product = product * t;
  }
  return lgamma_at_two(t - 2.0) + log(product);
}

fn lgamma(x: f32) -> f32 {
  let a = abs(x);
  let positive = lgamma_positive(select(a, 1.0, is_inf(x) || is_nan(x) || a == 0.0));
  var y = positive;
  if (x < 0.0) {
    // log(pi / |x sin(pi x)|) - lgamma(|x|)
    let f = a - floor(a);
    let s = a * sin(3.14159265358979324 * select(f, 1.0 - f, f > 0.5));
    y = select(log(3.14159265358979324 / s) - positive, inf(), f == 0.0);
  }
  return select(select(y, inf(), a == 0.0 || is_inf(x)), x, is_nan(x));
}

fn digamma(x: f32) -> f32 {
  let a = select(x, 1.0 - x, x <= 0.0);
  var t = select(a, 1.0, is_inf(x) || is_nan(x));
  var shift = 0.0;
  while (t < 10.0) {
    shift = shift + 1.0 / t;
    t = t + 1.0;
  }
  let z = 1.0 / (t * t);
  let series = ((-3.96825397e-3 * z + 8.33333333e-3) * z - 8.33333333e-2) * z;
  var y = log(t) - 0.5 / t + series - shift;
  if (x <= 0.0) {
    let f = x - floor(x);
    y = select(y - 3.14159265358979324 / tan(3.14159265358979324 * f), nan(), f == 0.0);
  }
  let edge = select(y, select(x, nan(), x < 0.0), is_inf(x));
  return select(edge, x, is_nan(x));
}

fn rsqrt(x: f32) -> f32 {
  return 1.0 / sqrt(x);
}

// x^y: 2^(y log2 x) with the exponent's part kept exact, and C's special cases.
fn pow(x: f32, y: f32) -> f32 {
  let a = abs(x);
  let whole = floor(y) == y || is_inf(y);
  let odd = whole && !is_inf(y) && abs(y) < 16777216.0 && (i32(y) & 1) != 0;
  var v: f32;
  if (is_nan(x) || is_nan(y)) {
    v = select(select(nan(), 1.0, y == 0.0), 1.0, x == 1.0);
  } else if (y == 0.0 || x == 1.0) {
    v = 1.0;
  } else if (is_inf(y)) {
    let grows = (a > 1.0) == (y > 0.0);
    v = select(select(0.0, inf(), grows), 1.0, a == 1.0);
  } else if (a == 0.0 || is_inf(x)) {
    let grows = (a == 0.0) == (y < 0.0);
    v = select(0.0, inf(), grows);
  } else {
    v = pow_finite(a, y);
  }
  if (is_negative(x) && !is_nan(x)) {
    if (odd) {
      v = -v;
    } else if (!whole && a != 0.0 && !is_inf(x)) {
      v = nan();
    }
  }
  return v;
}

// The logarithm as a sum of two floats, times y as two floats, then 2^ of the sum. `a` is positive and finite.
fn pow_finite(a: f32, y: f32) -> f32 {
  let s = split_exponent(a);
  let r = s.x - 1.0;
  let square = two_product(r, r);
  // log(m) = (r - r^2/2) + p, the parentheses exact as high + low.
  let half = -0.5 * square.x;
  let high = opaque(r + half);
  let low = opaque(half - opaque(high - r)) - 0.5 * square.y + log_near_one(r);
  let h = opaque(high + low);
  let l = low - opaque(h - high);
  // Times log2(e) = 1.4426950 + 1.925963e-8.
  let scaled = two_product(h, 1.44269502162933349609375);
  let tail = scaled.y + h * 1.92596299e-8 + l * 1.44269504;
  // Plus the exponent, exactly.
  let sum = opaque(s.y + scaled.x);
  let rest = opaque(scaled.x - opaque(sum - s.y)) + tail;
  // Times y.
  let p = two_product(sum, y);
  let q = p.y + rest * y;
  let t = p.x + q;
  if (t > 128.5) { return inf(); }
  if (t < -151.0) { return 0.0; }
  let n = round(p.x);
  let f = (opaque(p.x - n) + q) * 0.693147180559945309;
  var e = 1.9875691500e-4;
  e = e * f + 1.3981999507e-3;
  e = e * f + 8.3334519073e-3;
  e = e * f + 4.1665795894e-2;
  e = e * f + 1.6666665459e-1;
  e = e * f + 5.0000001201e-1;
  e = e * (f * f) + f + 1.0;
  return scale(e, i32(n));
}

// The product and its rounding error (Dekker), where nothing overflows.
fn two_product(a: f32, b: f32) -> vec2<f32> {
  let p = opaque(a * b);
  let ah = bitcast<f32>(bitcast<u32>(a) & 0xfffff000u);
  let al = opaque(a - ah);
  let bh = bitcast<f32>(bitcast<u32>(b) & 0xfffff000u);
  let bl = opaque(b - bh);
  let e = opaque(opaque(opaque(ah * bh) - p) + opaque(ah * bl)) + opaque(al * bh);
  return vec2<f32>(p, e + opaque(al * bl));
}

// Division as TensorFlow's, with Python's sign rules: the remainder has the divisor's sign.
fn floor_mod(x: f32, y: f32) -> f32 {
  let r = trunc_mod(x, y);
  return select(r, r + y, r != 0.0 && (r < 0.0) != (y < 0.0));
}

// A device's quotient may be off by an ulp or two: where a whole number times y is x, that number is the quotient.
fn quotient(x: f32, y: f32) -> f32 {
  let q = x / y;
  let whole = round(q);
  return select(q, whole, opaque(whole * y) == x);
}

fn floor_div(x: f32, y: f32) -> f32 {
  return floor(quotient(x, y));
}

fn trunc_div(x: f32, y: f32) -> f32 {
  return trunc(quotient(x, y));
}

// The exact remainder of C's fmod, bit by bit of the quotient: `%` of WGSL is x - y * trunc(x / y), which is wrong for
// large quotients.
fn trunc_mod(x: f32, y: f32) -> f32 {
  let b = abs(y);
  var a = abs(x);
  if (is_nan(x) || is_nan(y) || is_inf(x) || b == 0.0) { return nan(); }
  if (is_inf(y) || a < b) { return x; }
  let eb = max_exponent(b);
  var ea = max_exponent(a);
  for (var n = ea - eb; n >= 0; n--) {
    let step = scale(b, n);
    if (a >= step) { a = a - step; }
  }
  return copysign(a, x);
}

fn max_exponent(x: f32) -> i32 {
  return i32(split_exponent(x).y);
}

fn squared_difference(x: f32, y: f32) -> f32 {
  let d = x - y;
  return d * d;
}

// A word's low 23 bits as the mantissa of a number in [1, 2), less one.
fn unit(word: u32) -> f32 {
  return bitcast<f32>(0x3f800000u | (word & 0x007fffffu)) - 1.0;
}

// Two standard normal numbers from two words (Box and Muller), the sine first, as TensorFlow orders them.
fn box_muller(a: u32, b: u32) -> vec2<f32> {
  let u = unit(a);
  let v = unit(b);
  let radius = sqrt(-2.0 * log(select(u, 1.0e-7, u < 1.0e-7)));
  // 2 pi as two floats: the angle is rounded once.
  let p = two_product(v, 6.28318548202514648);
  let angle = p.x + (p.y + v * -1.74845553e-7);
  return vec2<f32>(sin(angle) * radius, cos(angle) * radius);
}
