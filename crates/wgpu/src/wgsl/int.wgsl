// Functions of the integer types; `T` stands for i32, u32, i64 or u64. A zero divisor gives 0: the check that
// raises the error is the engine's.

fn sign(x: T) -> T {
  return select(select(T(0), T(0) - T(1), x < T(0)), T(1), x > T(0));
}

fn trunc_div(x: T, y: T) -> T {
  let d = select(y, T(1), y == T(0));
  return select(x / d, T(0), y == T(0));
}

fn trunc_mod(x: T, y: T) -> T {
  let d = select(y, T(1), y == T(0));
  return select(x - (x / d) * d, T(0), y == T(0));
}

fn floor_div(x: T, y: T) -> T {
  let q = trunc_div(x, y);
  let r = trunc_mod(x, y);
  return select(q, q - T(1), r != T(0) && (r < T(0)) != (y < T(0)));
}

fn floor_mod(x: T, y: T) -> T {
  let r = trunc_mod(x, y);
  return select(r, r + y, r != T(0) && (r < T(0)) != (y < T(0)));
}

// By a distance that is first brought to 0 .. `last`, the width less one.
fn shift_left(x: T, y: T, last: u32) -> T {
  return x << u32(min(max(y, T(0)), T(last)));
}

// The sign fills signed integers.
fn shift_right(x: T, y: T, last: u32) -> T {
  return x >> u32(min(max(y, T(0)), T(last)));
}

// Wraps around; a negative exponent gives 0 but for the bases 1 and -1.
fn pow(x: T, y: T) -> T {
  if (y < T(0)) {
    let odd = (y & T(1)) != T(0);
    let minus_one = T(0) - T(1);
    return select(select(T(0), select(T(1), minus_one, odd), x == minus_one), T(1), x == T(1));
  }
  var result = T(1);
  var base = x;
  var left = y;
  while (left != T(0)) {
    if ((left & T(1)) != T(0)) { result = result * base; }
    base = base * base;
    left = left >> 1u;
  }
  return result;
}

fn squared_difference(x: T, y: T) -> T {
  let d = x - y;
  return d * d;
}
