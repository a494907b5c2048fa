//! The generated kernels as committed text, so that a change of a generator shows in review. No GPU is needed.

use super::elementwise::{Group, Input, Source, Step};
use super::{elementwise, gemm, reduce};
use crate::form::moved;
use crate::index::Walk;
use crate::pipeline::Kernel;
use crate::plan::Place;
use crate::testing;
use tenfold_core::DType;

fn checked(kernel: &Kernel) -> String {
    let text = kernel.wgsl(128);
    testing::validate(&text).unwrap();
    testing::validate(&kernel.wgsl(0)).unwrap();
    text
}

#[test]
fn a_fused_group() {
    let (f32s, f16s) = (moved(DType::F32), moved(DType::F16));
    let input = |i, form, shape: &[usize]| Input { place: Place::Input(i), form, shape: shape.to_vec() };
    let step = |expression, operands: &[Source], form| Step {
        expression,
        name: "op",
        operands: operands.to_vec(),
        form,
        refuses: None,
    };
    let group = Group {
        shape: vec![8, 4],
        inputs: vec![input(0, f32s, &[8, 4]), input(1, f32s, &[4]), input(2, f32s, &[])],
        steps: vec![
            step("x + y", &[Source::Input(0), Source::Input(1)], f32s),
            step("max(x, y)", &[Source::Step(0), Source::Input(2)], f32s),
            step("x", &[Source::Step(1)], f16s),
        ],
        results: vec![(1, Place::Output(0)), (2, Place::Output(1))],
    };
    insta::assert_snapshot!(checked(&elementwise::kernel(&group, &elementwise::plan(&group))));
}

#[test]
fn a_tree_of_a_row() {
    let walk = |shape: &[usize], stride| Walk { shape: shape.to_vec(), strides: vec![vec![stride]] };
    let stage = reduce::Stage {
        kept: walk(&[10], 4096),
        reduced: walk(&[4096], 1),
        segments: 1,
        length: 65_536,
        from_acc: false,
        last: true,
        tree: true,
    };
    let form = moved(DType::BF16);
    insta::assert_snapshot!(checked(&stage.kernel(reduce::Op::Max, form, form).unwrap()));
}

#[test]
fn a_tile_of_a_product() {
    let form = moved(DType::F32);
    let product = gemm::Gemm {
        label: "matmul",
        batch: 1,
        m: 100,
        n: 100,
        k: 100,
        forms: (form, form, form),
        places: (Place::Input(0), Place::Input(1), Place::Output(0)),
        loaders: "fn load_a(batch: u32, m: u32, k: u32) -> f32 { return b0[m * 100u + k]; }\n\
                  fn load_b(batch: u32, k: u32, n: u32) -> f32 { return b1[k * 100u + n]; }\n"
            .into(),
        place: "fn place(batch: u32, m: u32, n: u32) -> u32 { return m * 100u + n; }\n".into(),
        words: vec![],
        a_by_k: true,
        b_by_k: false,
    };
    insta::assert_snapshot!(checked(&product.kernel(product.tile(), false)));
}
