//! Reads the vectors recorded from TensorFlow: `cases.json` beside `.safetensors` files.
//!
//! The folder is `tests/fixtures` of this repository, or the one that `TENFOLD_FIXTURES` names. What is read here is
//! plain data; nothing in this module knows a Tenfold tensor, so that a reader's mistake and a kernel's mistake
//! cannot hide each other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value};

/// A fixture that cannot be read is a sentence for whoever runs the test.
pub type Result<T> = std::result::Result<T, String>;

/// Element type of a recorded array; the names are TensorFlow's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each name says all there is")]
pub enum DType {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Bfloat16,
    Float16,
    Float32,
    Float64,
    Complex64,
}

/// Every dtype beside TensorFlow's name of it, its name in a `.safetensors` header and its size in bytes.
const DTYPES: [(DType, &str, Dtype, usize); 14] = [
    (DType::Bool, "bool", Dtype::BOOL, 1),
    (DType::Int8, "int8", Dtype::I8, 1),
    (DType::Int16, "int16", Dtype::I16, 2),
    (DType::Int32, "int32", Dtype::I32, 4),
    (DType::Int64, "int64", Dtype::I64, 8),
    (DType::Uint8, "uint8", Dtype::U8, 1),
    (DType::Uint16, "uint16", Dtype::U16, 2),
    (DType::Uint32, "uint32", Dtype::U32, 4),
    (DType::Uint64, "uint64", Dtype::U64, 8),
    (DType::Bfloat16, "bfloat16", Dtype::BF16, 2),
    (DType::Float16, "float16", Dtype::F16, 2),
    (DType::Float32, "float32", Dtype::F32, 4),
    (DType::Float64, "float64", Dtype::F64, 8),
    (DType::Complex64, "complex64", Dtype::C64, 8),
];

impl DType {
    fn row(self) -> &'static (DType, &'static str, Dtype, usize) {
        DTYPES.iter().find(|row| row.0 == self).expect("DTYPES lists every dtype")
    }

    /// TensorFlow's name, as in `float32`.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Bytes of one element.
    pub fn size(self) -> usize {
        self.row().3
    }

    /// The dtype that TensorFlow calls `name`.
    pub fn from_name(name: &str) -> Result<DType> {
        DTYPES
            .iter()
            .find(|row| row.1 == name)
            .map(|row| row.0)
            .ok_or_else(|| format!("no dtype is called `{name}`"))
    }

    fn from_header(dtype: Dtype) -> Result<DType> {
        DTYPES
            .iter()
            .find(|row| row.2 == dtype)
            .map(|row| row.0)
            .ok_or_else(|| format!("recorded arrays do not use {dtype:?}"))
    }

    /// Whether elements are floating-point numbers (complex ones are not).
    pub fn is_float(self) -> bool {
        matches!(self, DType::Bfloat16 | DType::Float16 | DType::Float32 | DType::Float64)
    }
}

/// A recorded array: row-major, little-endian.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Element type.
    pub dtype: DType,
    /// Length of each axis; empty for a scalar.
    pub shape: Vec<usize>,
    /// The elements, `dtype.size()` bytes each.
    pub bytes: Vec<u8>,
}

/// The elements of `bytes`, read `N` bytes at a time.
fn each<const N: usize, T>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|chunk| read(*chunk)).collect()
}

impl Array {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there is no element at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements as `f64`, exact for every dtype but the 64-bit integers; a complex element is two numbers, real
    /// part first; `true` is 1.
    pub fn to_f64s(&self) -> Vec<f64> {
        let b = &self.bytes;
        match self.dtype {
            DType::Float64 => each(b, f64::from_le_bytes),
            DType::Float32 | DType::Complex64 => each(b, |x| f64::from(f32::from_le_bytes(x))),
            DType::Float16 => each(b, |x| f64::from(f16::from_le_bytes(x))),
            DType::Bfloat16 => each(b, |x| f64::from(bf16::from_le_bytes(x))),
            _ => self.to_ints().into_iter().map(|x| x as f64).collect(),
        }
    }

    /// The elements of an integer or boolean array, exactly.
    ///
    /// # Panics
    ///
    /// If the elements are floating-point or complex numbers.
    pub fn to_ints(&self) -> Vec<i128> {
        let b = &self.bytes;
        match self.dtype {
            DType::Bool => each(b, |[x]| i128::from(x != 0)),
            DType::Int8 => each(b, |x| i128::from(i8::from_le_bytes(x))),
            DType::Int16 => each(b, |x| i128::from(i16::from_le_bytes(x))),
            DType::Int32 => each(b, |x| i128::from(i32::from_le_bytes(x))),
            DType::Int64 => each(b, |x| i128::from(i64::from_le_bytes(x))),
            DType::Uint8 => each(b, |[x]| i128::from(x)),
            DType::Uint16 => each(b, |x| i128::from(u16::from_le_bytes(x))),
            DType::Uint32 => each(b, |x| i128::from(u32::from_le_bytes(x))),
            DType::Uint64 => each(b, |x| i128::from(u64::from_le_bytes(x))),
            other => panic!("an array of {} has no integer elements", other.name()),
        }
    }

    /// The elements of a `float32` array.
    ///
    /// # Panics
    ///
    /// If the dtype is another one.
    pub fn to_f32s(&self) -> Vec<f32> {
        assert_eq!(self.dtype, DType::Float32, "to_f32s reads float32 only");
        each(&self.bytes, f32::from_le_bytes)
    }

    /// The elements of an `int32` array.
    ///
    /// # Panics
    ///
    /// If the dtype is another one.
    pub fn to_i32s(&self) -> Vec<i32> {
        assert_eq!(self.dtype, DType::Int32, "to_i32s reads int32 only");
        each(&self.bytes, i32::from_le_bytes)
    }

    /// `dtype[shape]`, as in `float32[2, 3]`.
    pub fn meta(&self) -> String {
        format!("{}{:?}", self.dtype.name(), self.shape)
    }
}

/// All arrays of one `.safetensors` file, by name.
pub type Archive = BTreeMap<String, Array>;

/// Where the recordings are: `TENFOLD_FIXTURES`, or this repository's `tests/fixtures`.
pub fn folder() -> PathBuf {
    match std::env::var_os("TENFOLD_FIXTURES") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures"),
    }
}

/// Reads every array of a `.safetensors` file.
pub fn read_archive(path: &Path) -> Result<Archive> {
    let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| format!("{}: {e}", path.display()))?;
    file.iter()
        .map(|(name, view)| {
            let dtype = DType::from_header(view.dtype())?;
            Ok((name.to_owned(), Array { dtype, shape: view.shape().to_vec(), bytes: view.data().to_vec() }))
        })
        .collect()
}

fn read_json(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
}

/// A named argument of a recorded call. `values.0`, `values.1` are the elements of one list argument `values`.
#[derive(Debug, Clone)]
pub struct Input {
    /// TensorFlow's parameter name, with `.index` for an element of a list.
    pub name: String,
    /// Its value.
    pub tensor: Array,
}

/// One recorded result.
#[derive(Debug, Clone)]
pub struct Output {
    /// The value TensorFlow gave.
    pub tensor: Array,
    /// What the gradients in the case were taken along, if this result took part in them.
    pub cotangent: Option<Array>,
}

/// The gradient of `sum(output · cotangent)`, summed over the results, for one input.
#[derive(Debug, Clone)]
pub struct Gradient {
    /// Name of the input.
    pub input: String,
    /// The gradient; `None` where TensorFlow says that the result does not depend on the input.
    pub tensor: Option<Array>,
}

/// How near a result must be: `|actual - expected| <= atol + rtol * |expected|`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "named in the formula above; `grad_` ones are for gradients")]
pub struct Tolerance {
    pub rtol: f64,
    pub atol: f64,
    pub grad_rtol: f64,
    pub grad_atol: f64,
}

/// What "the same result" means for a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// Within the tolerance; NaN equals NaN, infinities agree in sign.
    AllClose,
    /// Equal values; NaN equals NaN, `0.0` equals `-0.0`.
    Exact,
    /// Equal values, and zeros agree in sign.
    SignedZero,
    /// Within the tolerance after each column of a matrix was multiplied by 1 or -1.
    UpToColumnSign,
    /// Within the tolerance after both were sorted.
    UpToOrder,
}

/// One recorded call.
#[derive(Debug, Clone)]
pub struct Case {
    /// Unique name, as in `math_abs/0`.
    pub id: String,
    /// TensorFlow's public name of the function, as in `tf.math.abs`.
    pub op: String,
    /// Tensor arguments in order.
    pub inputs: Vec<Input>,
    /// The other arguments, by TensorFlow's names.
    pub attrs: Map<String, Value>,
    /// Results in order; empty where the call must fail.
    pub outputs: Vec<Output>,
    /// Gradients recorded for this call.
    pub grads: Vec<Gradient>,
    /// How near results must be.
    pub tol: Tolerance,
    /// How results are compared.
    pub compare: Compare,
    /// The exception class TensorFlow raises, where it raises one.
    pub error: Option<String>,
    /// What is peculiar about the case, in words.
    pub note: Option<String>,
}

impl Case {
    /// The argument called `name`.
    pub fn input(&self, name: &str) -> Option<&Array> {
        self.inputs.iter().find(|input| input.name == name).map(|input| &input.tensor)
    }

    /// The elements of the list argument called `name`, in order.
    pub fn list(&self, name: &str) -> Vec<&Array> {
        (0..).map_while(|i| self.input(&format!("{name}.{i}"))).collect()
    }

    /// Whether gradients were recorded.
    pub fn has_gradients(&self) -> bool {
        !self.grads.is_empty()
    }
}

/// A number out of JSON, where infinities and NaN are the strings `inf`, `-inf` and `nan`.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(n) => n.as_f64(),
        Value::String(s) => match s.as_str() {
            "inf" => Some(f64::INFINITY),
            "-inf" => Some(f64::NEG_INFINITY),
            "nan" => Some(f64::NAN),
            _ => None,
        },
        _ => None,
    }
}

/// A `tf.function` recorded with its source, for functions with control flow.
#[derive(Debug, Clone)]
pub struct Function {
    /// Name of the function.
    pub name: String,
    /// Its Python source.
    pub source: String,
    /// Names of its parameters in order.
    pub params: Vec<String>,
    /// Recorded calls; `id` and `op` are made from the function's name.
    pub cases: Vec<Case>,
    /// How often each op type occurs in TensorFlow's graph of it.
    pub graph_ops: BTreeMap<String, u64>,
}

/// A recorded training: what was trained, and the arrays whose names begin with `id` and a dot.
#[derive(Debug, Clone)]
pub struct Curve {
    /// Unique name, as in `gan_1e-3`.
    pub id: String,
    /// `gan`, `classifier` or `model.fit`.
    pub kind: String,
    /// Everything the recording says about the training: rates, steps, tolerances.
    pub info: Map<String, Value>,
    /// The arrays, without the `id.` before their names.
    pub tensors: Archive,
}

impl Curve {
    /// The array called `name`.
    ///
    /// # Panics
    ///
    /// If there is none: a test that asks for it was written against another recording.
    pub fn tensor(&self, name: &str) -> &Array {
        self.tensors.get(name).unwrap_or_else(|| panic!("curve {} has no array `{name}`", self.id))
    }
}

/// Access to JSON that says what was missing.
struct Json<'a> {
    value: &'a Value,
    what: &'a str,
}

impl<'a> Json<'a> {
    fn get(&self, key: &str) -> Result<&'a Value> {
        self.value.get(key).ok_or_else(|| format!("{}: no `{key}`", self.what))
    }

    fn text(&self, key: &str) -> Result<String> {
        let value = self.get(key)?;
        value.as_str().map(str::to_owned).ok_or_else(|| format!("{}: `{key}` is no string", self.what))
    }

    fn list(&self, key: &str) -> Result<&'a [Value]> {
        let value = self.get(key)?;
        value.as_array().map(Vec::as_slice).ok_or_else(|| format!("{}: `{key}` is no list", self.what))
    }

    fn number(&self, key: &str) -> Result<f64> {
        number(self.get(key)?).ok_or_else(|| format!("{}: `{key}` is no number", self.what))
    }

    /// The array that `key` names, checked against the stated dtype and shape where there are any.
    fn array(&self, key: &str, archive: &Archive) -> Result<Array> {
        let name = self.text(key)?;
        let array = archive.get(&name).ok_or_else(|| format!("{}: no array `{name}`", self.what))?;
        if key == "tensor" && self.value.get("dtype").is_some() {
            let dtype = DType::from_name(&self.text("dtype")?)?;
            let shape: Option<Vec<usize>> =
                self.list("shape")?.iter().map(|n| n.as_u64().map(|n| n as usize)).collect();
            if dtype != array.dtype || shape.as_ref() != Some(&array.shape) {
                let (found, shape) = (array.meta(), shape.unwrap_or_default());
                return Err(format!("{}: `{name}` is {found}, not {}{shape:?}", self.what, dtype.name()));
            }
        }
        Ok(array.clone())
    }
}

fn parse_case(value: &Value, id: String, op: String, archive: &Archive) -> Result<Case> {
    let case = Json { value, what: &id };
    let of = |value| Json { value, what: &id };
    let inputs = case
        .list("inputs")?
        .iter()
        .map(|v| Ok(Input { name: of(v).text("name")?, tensor: of(v).array("tensor", archive)? }));
    let outputs = case.list("outputs")?.iter().map(|v| {
        let cotangent = v.get("cotangent").map(|_| of(v).array("cotangent", archive)).transpose()?;
        Ok(Output { tensor: of(v).array("tensor", archive)?, cotangent })
    });
    let error = value.get("error").map(|_| case.text("error")).transpose()?;
    let grads = if error.is_some() { &[] } else { case.list("grads")? };
    let grads = grads.iter().map(|v| {
        let none = of(v).get("tensor")?.is_null();
        let tensor = if none { None } else { Some(of(v).array("tensor", archive)?) };
        Ok(Gradient { input: of(v).text("input")?, tensor })
    });
    let tol = match (value.get("tol"), &error) {
        (Some(t), _) => {
            let (rtol, atol) = (of(t).number("rtol")?, of(t).number("atol")?);
            let grad = |key, other| if t.get(key).is_some() { of(t).number(key) } else { Ok(other) };
            Tolerance { rtol, atol, grad_rtol: grad("grad_rtol", rtol)?, grad_atol: grad("grad_atol", atol)? }
        }
        (None, Some(_)) => Tolerance { rtol: 0.0, atol: 0.0, grad_rtol: 0.0, grad_atol: 0.0 },
        (None, None) => return Err(format!("{id}: no `tol`")),
    };
    let compare = match value.get("compare").and_then(Value::as_str) {
        None | Some("allclose") => Compare::AllClose,
        Some("exact") => Compare::Exact,
        Some("signed_zero") => Compare::SignedZero,
        Some("up_to_column_sign") => Compare::UpToColumnSign,
        Some("up_to_order") => Compare::UpToOrder,
        Some(other) => return Err(format!("{id}: no comparison is called `{other}`")),
    };
    Ok(Case {
        inputs: inputs.collect::<Result<_>>()?,
        outputs: outputs.collect::<Result<_>>()?,
        grads: grads.collect::<Result<_>>()?,
        attrs: value.get("attrs").and_then(Value::as_object).cloned().unwrap_or_default(),
        note: value.get("note").and_then(Value::as_str).map(str::to_owned),
        tol,
        compare,
        error,
        op,
        id,
    })
}

/// Reads the op cases in recorded order.
pub fn op_cases() -> Result<Vec<Case>> {
    let folder = folder().join("ops");
    let json = read_json(&folder.join("cases.json"))?;
    let mut archives: BTreeMap<String, Archive> = BTreeMap::new();
    let mut cases = Vec::new();
    for value in (Json { value: &json, what: "ops/cases.json" }).list("cases")? {
        let top = Json { value, what: "ops/cases.json" };
        let file = top.text("file")?;
        if !archives.contains_key(&file) {
            archives.insert(file.clone(), read_archive(&folder.join(&file))?);
        }
        cases.push(parse_case(value, top.text("id")?, top.text("op")?, &archives[&file])?);
    }
    Ok(cases)
}

/// Reads the functions with control flow in recorded order.
pub fn functions() -> Result<Vec<Function>> {
    let folder = folder().join("controlflow");
    let json = read_json(&folder.join("cases.json"))?;
    let top = Json { value: &json, what: "controlflow/cases.json" };
    let archive = read_archive(&folder.join(top.text("file")?))?;
    let functions = top.list("functions")?.iter().map(|value| {
        let name = Json { value, what: top.what }.text("name")?;
        let function = Json { value, what: &name };
        let cases = function.list("cases")?.iter().enumerate();
        let cases = cases.map(|(i, case)| parse_case(case, format!("{name}/{i}"), name.clone(), &archive));
        let params: Option<Vec<String>> =
            function.list("params")?.iter().map(|p| p.as_str().map(str::to_owned)).collect();
        let graph_ops = function.get("graph_ops")?.as_object().into_iter().flatten();
        Ok(Function {
            source: function.text("source")?,
            params: params.ok_or_else(|| format!("{name}: a parameter is no string"))?,
            cases: cases.collect::<Result<_>>()?,
            graph_ops: graph_ops.filter_map(|(op, n)| Some((op.clone(), n.as_u64()?))).collect(),
            name,
        })
    });
    functions.collect()
}

/// Reads the recorded trainings in order.
pub fn curves() -> Result<Vec<Curve>> {
    let folder = folder().join("curves");
    let json = read_json(&folder.join("cases.json"))?;
    let top = Json { value: &json, what: "curves/cases.json" };
    let archive = read_archive(&folder.join(top.text("file")?))?;
    let curves = top.list("cases")?.iter().map(|value| {
        let curve = Json { value, what: top.what };
        let id = curve.text("id")?;
        let tensors = archive.iter().filter_map(|(name, array)| {
            let rest = name.strip_prefix(&id)?.strip_prefix('.')?;
            Some((rest.to_owned(), array.clone()))
        });
        Ok(Curve {
            kind: curve.text("kind")?,
            info: value.as_object().cloned().unwrap_or_default(),
            tensors: tensors.collect(),
            id,
        })
    });
    curves.collect()
}

#[cfg(test)]
#[path = "fixtures_tests.rs"]
mod tests;
