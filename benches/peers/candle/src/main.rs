//! candle: W1, W4 to W9, W13. Its names for layouts: images channels first, filters `[out, in, height, width]`.

use bench_common::{Arrays, Case, PRODUCTS, Request, normal};
use candle_core::{D, DType, Device::Cpu, Result, Tensor, Var};
use candle_nn::ops::{layer_norm, sigmoid, softmax, softmax_last_dim};
use candle_nn::optim::{AdamW, Optimizer, ParamsAdamW};
use std::hint::black_box;

const MODE: &str = "eager";

fn tensor(arrays: &Arrays, name: &str) -> Result<Tensor> {
    let (values, shape) = arrays.f32(name);
    Tensor::from_vec(values, shape, &Cpu)
}

fn labels(arrays: &Arrays, name: &str) -> Result<Tensor> {
    let (values, shape) = arrays.i32(name);
    Tensor::from_vec(values, shape, &Cpu)?.to_dtype(DType::U32)
}

fn random(shape: impl Into<candle_core::Shape>) -> Result<Tensor> {
    let shape = shape.into();
    Tensor::from_vec(normal(shape.elem_count()), shape, &Cpu)
}

fn variables(arrays: &Arrays, workload: &str, names: &str) -> Result<Vec<Var>> {
    names.split(' ').map(|name| Var::from_tensor(&tensor(arrays, &format!("{workload}.{name}"))?)).collect()
}

fn adam(variables: &[Var]) -> Result<AdamW> {
    let options = ParamsAdamW { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0 };
    AdamW::new(variables.to_vec(), options)
}

/// A case whose call may fail.
fn case<T>(variant: &'static str, mut f: impl FnMut() -> Result<T> + 'static) -> Case {
    Case::calls(variant, MODE, move || {
        black_box(f().expect("shapes that fit"));
    })
}

/// A case of training, after five steps.
fn trained(variant: &'static str, mut step: impl FnMut() -> Result<Tensor> + 'static) -> Result<Case> {
    for _ in 0..4 {
        step()?;
    }
    let loss = step()?.to_scalar::<f32>()?;
    Ok(case(variant, step).loss(loss))
}

fn eager() -> Result<Vec<Case>> {
    let (a, m) = (Tensor::ones(16, DType::F32, &Cpu)?, Tensor::eye(8, DType::F32, &Cpu)?);
    let (b, v) = (a.clone(), Var::from_tensor(&a)?);
    let chain = move || {
        let mut y = v.mul(&b)?;
        for _ in 0..9 {
            y = y.mul(&b)?.tanh()?;
        }
        Ok(y.sum_all()?.backward()?.get(&v).cloned())
    };
    let b = a.clone();
    let add = case("add16", move || &a + &b);
    Ok(vec![add, case("matmul8", move || m.matmul(&m)), case("tape_per_op", chain).per(20.0)])
}

fn chain(x: &Tensor) -> Result<Tensor> {
    let cube = x.mul(x)?.mul(x)?.affine(0.044715, 0.0)?;
    let tanh = x.add(&cube)?.affine(0.7978845608, 0.0)?.tanh()?.affine(1.0, 1.0)?;
    x.affine(0.5, 0.0)?.mul(&tanh)?.mul(&sigmoid(x)?)?.add(&x.mul(x)?)
}

fn elementwise() -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (variant, size) in [("chain_16M", 16 << 20), ("chain_64k", 1 << 16)] {
        let x = random(size)?;
        cases.push(case(variant, move || chain(&x)));
    }
    let (x, square) = (random((4096, 1024))?, random((4096, 4096))?);
    let (gamma, beta, y) =
        (Tensor::ones(1024, DType::F32, &Cpu)?, Tensor::zeros(1024, DType::F32, &Cpu)?, x.clone());
    cases.push(case("softmax", move || softmax_last_dim(&x)));
    cases.push(case("layer_norm", move || layer_norm(&y, &gamma, &beta, 1e-5)));
    for (variant, axis) in [("sum_axis0", 0), ("sum_axis1", 1)] {
        let square = square.clone();
        cases.push(case(variant, move || square.sum(axis)));
    }
    Ok(cases)
}

fn products() -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (variant, m, k, n, [ta, tb]) in PRODUCTS {
        let a = if ta { random((k, m))?.t()? } else { random((m, k))? };
        let b = if tb { random((n, k))?.t()? } else { random((k, n))? };
        let dtype = if variant.starts_with("f64") { DType::F64 } else { DType::F32 };
        let (a, b) = (a.to_dtype(dtype)?, b.to_dtype(dtype)?);
        cases.push(case(variant, move || a.matmul(&b)));
    }
    let (a, b) = (random((64, 128, 64))?, random((64, 64, 128))?);
    cases.push(case("batched_64x128x64x128", move || a.matmul(&b)));
    Ok(cases)
}

fn dense(x: &Tensor, kernel: &Tensor, bias: &Tensor) -> Result<Tensor> {
    x.matmul(kernel)?.broadcast_add(bias)
}

fn mlp(arrays: &Arrays) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (variant, batch) in [("batch32", 32), ("batch512", 512)] {
        let (x, y) = (tensor(arrays, &format!("w6.x{batch}"))?, labels(arrays, &format!("w6.y{batch}"))?);
        let v = variables(arrays, "w6", "w1 b1 w2 b2 w3 b3")?;
        let mut adam = adam(&v)?;
        cases.push(trained(variant, move || {
            let h = dense(&x, &v[0], &v[1])?.relu()?;
            let h = dense(&h, &v[2], &v[3])?.relu()?;
            let loss = candle_nn::loss::cross_entropy(&dense(&h, &v[4], &v[5])?, &y)?;
            adam.backward_step(&loss)?;
            Ok(loss)
        })?);
    }
    Ok(cases)
}

fn network(v: &[Var], x: &Tensor) -> Result<Tensor> {
    let h = x.conv2d(&v[0], 0, 1, 1, 1)?.broadcast_add(&v[1].reshape((1, 32, 1, 1))?)?.relu()?;
    let h = h.conv2d(&v[2], 0, 1, 1, 1)?.broadcast_add(&v[3].reshape((1, 64, 1, 1))?)?.relu()?;
    let h = h.max_pool2d(2)?.flatten_from(1)?;
    dense(&dense(&h, &v[4], &v[5])?.relu()?, &v[6], &v[7])
}

fn cnn(arrays: &Arrays) -> Result<Vec<Case>> {
    let filters = |t: &Tensor| t.permute((3, 2, 0, 1))?.contiguous();
    let mut v = variables(arrays, "w7", "c1 cb1 c2 cb2 d1 db1 d2 db2")?;
    v[0] = Var::from_tensor(&filters(&v[0])?)?;
    v[2] = Var::from_tensor(&filters(&v[2])?)?;
    let flat = v[4].reshape((12, 12, 64, 128))?.permute((2, 0, 1, 3))?.contiguous()?;
    v[4] = Var::from_tensor(&flat.reshape((9216, 128))?)?;
    let images = |name| tensor(arrays, name)?.permute((0, 3, 1, 2))?.contiguous();
    let (x, y, mut adam) = (images("w7.x")?, labels(arrays, "w7.y")?, adam(&v)?);
    let (again, weights) = (x.clone(), v.clone());
    let train = trained("train", move || {
        let loss = candle_nn::loss::cross_entropy(&network(&v, &x)?, &y)?;
        adam.backward_step(&loss)?;
        Ok(loss)
    })?;
    let infer = case("infer", move || network(&weights, &again));
    let (x, w) = (images("w7.cx")?, filters(&tensor(arrays, "w7.cw")?)?);
    let (vx, vw) = (Var::from_tensor(&x)?, Var::from_tensor(&w)?);
    let forward = case("conv_y", move || x.conv2d(&w, 1, 1, 1, 1));
    let all = case("conv_y_dx_dw", move || vx.conv2d(&vw, 1, 1, 1, 1)?.sum_all()?.backward());
    Ok(vec![train, infer, forward, all])
}

fn generator(g: &[Var], z: &Tensor) -> Result<Tensor> {
    let h = dense(z, &g[0], &g[1])?.elu(1.0)?;
    dense(&dense(&h, &g[2], &g[3])?.elu(1.0)?, &g[4], &g[5])
}

fn discriminator(d: &[Var], x: &Tensor) -> Result<Tensor> {
    dense(&dense(x, &d[0], &d[1])?.elu(1.0)?, &d[2], &d[3])
}

/// Sigmoid cross entropy in its stable form: max(l, 0) - l·t + log(1 + exp(-|l|)).
fn bce(logits: &Tensor, label: f64) -> Result<Tensor> {
    let soft = (logits.abs()?.neg()?.exp()? + 1.0)?.log()?;
    (logits.relu()? - logits.affine(label, 0.0)? + soft)?.mean_all()
}

fn gan(arrays: &Arrays) -> Result<impl FnMut() -> Result<Tensor> + 'static> {
    let (g, d) =
        (variables(arrays, "w8", "g1 gb1 g2 gb2 g3 gb3")?, variables(arrays, "w8", "d1 db1 d2 db2")?);
    let (real, z) = (tensor(arrays, "w8.real")?, tensor(arrays, "w8.z")?);
    let (mut g_adam, mut d_adam) = (adam(&g)?, adam(&d)?);
    Ok(move || {
        let fake = generator(&g, &z)?.detach();
        let loss = (bce(&discriminator(&d, &real)?, 1.0)? + bce(&discriminator(&d, &fake)?, 0.0)?)?;
        d_adam.backward_step(&loss)?;
        let loss = bce(&discriminator(&d, &generator(&g, &z)?)?, 1.0)?;
        g_adam.backward_step(&loss)?;
        Ok(loss)
    })
}

fn norm(x: &Tensor, gamma: &Tensor, beta: &Tensor) -> Result<Tensor> {
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
    centred.broadcast_div(&(variance + 1e-5)?.sqrt()?)?.broadcast_mul(gamma)?.broadcast_add(beta)
}

fn attention(arrays: &Arrays) -> Result<Vec<Case>> {
    let p = variables(arrays, "w9", "wq bq wk bk wv bv wo bo f1 fb1 f2 fb2 ln1g ln1b ln2g ln2b")?;
    let x = tensor(arrays, "w9.x")?.reshape((1024, 256))?;
    let step = move || {
        let h = norm(&x, &p[12], &p[13])?;
        let heads =
            |i: usize| dense(&h, &p[i], &p[i + 1])?.reshape((8, 128, 8, 32))?.transpose(1, 2)?.contiguous();
        let (q, k, v) = (heads(0)?, heads(2)?, heads(4)?);
        let a = softmax(&(q.matmul(&k.transpose(2, 3)?)? * 32f64.powf(-0.5))?, D::Minus1)?;
        let mixed = a.matmul(&v)?.transpose(1, 2)?.reshape((1024, 256))?;
        let x = (&x + dense(&mixed, &p[6], &p[7])?)?;
        let h = dense(&norm(&x, &p[14], &p[15])?, &p[8], &p[9])?.gelu()?;
        let loss = (x + dense(&h, &p[10], &p[11])?)?.sqr()?.mean_all()?;
        black_box(loss.backward()?);
        Ok(loss)
    };
    Ok(vec![trained("block", step)?])
}

fn main() -> Result<()> {
    let request = Request::read();
    let arrays = request.arrays();
    if request.workload == "W13" {
        let mut pair = gan(&arrays)?;
        for _ in 0..99 {
            pair()?;
        }
        request.end(MODE, pair()?.to_scalar::<f32>()?);
        return Ok(());
    }
    request.serve(match request.workload.as_str() {
        "W1" => eager()?,
        "W4" => elementwise()?,
        "W5" => products()?,
        "W6" => mlp(&arrays)?,
        "W7" => cnn(&arrays)?,
        "W8" => vec![trained("pair", gan(&arrays)?)?],
        "W9" => attention(&arrays)?,
        _ => Vec::new(),
    });
    Ok(())
}
