// Functions that belong to no element type.

// High and low half of a 32-bit product, in 16-bit limbs: WGSL has no high half.
fn mul_wide(a: u32, b: u32) -> vec2<u32> {
  let al = a & 0xffffu;
  let ah = a >> 16u;
  let bl = b & 0xffffu;
  let bh = b >> 16u;
  let lh = al * bh;
  let hl = ah * bl;
  let middle = ((al * bl) >> 16u) + (lh & 0xffffu) + (hl & 0xffffu);
  return vec2<u32>(ah * bh + (lh >> 16u) + (hl >> 16u) + (middle >> 16u), a * b);
}

// Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3").
fn philox(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
  var c = counter;
  var k = key;
  for (var i = 0u; i < 10u; i++) {
    let p0 = mul_wide(0xD2511F53u, c.x);
    let p1 = mul_wide(0xCD9E8D57u, c.z);
    c = vec4<u32>(p1.x ^ c.y ^ k.x, p1.y, p0.x ^ c.w ^ k.y, p0.y);
    k += vec2<u32>(0x9E3779B9u, 0xBB67AE85u);
  }
  return c;
}

// Rounded to the nearest bf16, ties to even; the result is that bf16 as f32.
fn round_bf16(x: f32) -> f32 {
  let u = bitcast<u32>(x);
  let rounded = (u + 0x7fffu + ((u >> 16u) & 1u)) & 0xffff0000u;
  return bitcast<f32>(select(rounded, 0x7fc00000u | (u & 0x80000000u), (u & 0x7fffffffu) > 0x7f800000u));
}

// Opaque identities, one for each operand position of an expression: a driver that fuses operations across op
// boundaries, or cancels `x - x`, would give other bits than the same ops alone.
fn operand_x(x: f32) -> f32 {
  return bitcast<f32>(bitcast<u32>(x) ^ P.v[0].y);
}

fn operand_y(x: f32) -> f32 {
  return bitcast<f32>(bitcast<u32>(x) ^ P.v[0].z);
}

fn operand_z(x: f32) -> f32 {
  return bitcast<f32>(bitcast<u32>(x) ^ P.v[0].w);
}

// A Philox counter, `high * 2^32 + low` blocks later.
fn advance(c: vec4<u32>, low: u32, high: u32) -> vec4<u32> {
  let x = c.x + low;
  let carry = select(0u, 1u, x < low);
  let y = c.y + high;
  let over = select(0u, 1u, y < high);
  let w = y + carry;
  let up = over + select(0u, 1u, w < carry);
  let z = c.z + up;
  return vec4<u32>(x, w, z, c.w + select(0u, 1u, z < up));
}
