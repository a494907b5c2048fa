//! Modules: structures that own variables, with names by path, saved and loaded as flat safetensors files.

use crate::device;
use crate::dtype::DType;
use crate::error::{Error, Kind, Place, Result};
use crate::shape::Meta;
use crate::tensor::Tensor;
use crate::trace::{Structure, Visitor, is_tracing};
use crate::variable::Variable;
use rustc_hash::FxHashSet;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::fs;
use std::path::Path;

/// A structure that owns variables: a layer, a model. `#[derive(Module)]` writes it.
///
/// A variable's name is the path of fields to it: `layers.0.kernel`. Maps are visited in the order of their keys.
///
/// Source: `tf.Module`; the file format is <https://github.com/huggingface/safetensors>.
pub trait Module: Structure {
    /// Every variable with its name, in the order of the fields. One that is reachable by several paths has the first name.
    fn named_variables(&self) -> Vec<(String, Variable)> {
        let mut visitor = Visitor::named(&[]);
        self.visit(&mut visitor);
        let mut seen = FxHashSet::default();
        visitor.variables.retain(|(_, v)| seen.insert(v.id()));
        visitor.variables
    }
    /// Every variable.
    fn variables(&self) -> Vec<Variable> {
        self.named_variables().into_iter().map(|v| v.1).collect()
    }
    /// The variables that tapes watch by themselves.
    fn trainable_variables(&self) -> Vec<Variable> {
        self.variables().into_iter().filter(Variable::trainable).collect()
    }
    /// Writes all variables to a safetensors file, by name. The file is whole at every moment: a temporary one beside it is
    /// written, synchronised and renamed.
    ///
    /// # Errors
    ///
    /// If a value cannot be read back from its device, or the file cannot be written.
    #[track_caller]
    fn save(&self, path: impl AsRef<Path>) -> Result<()>
    where
        Self: Sized,
    {
        let at = Place::caller();
        outside("save").and_then(|()| write(&self.named_variables(), path.as_ref())).map_err(|e| e.at(at))
    }
    /// Reads all variables from a safetensors file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or its names, dtypes and shapes are not exactly the module's; the message lists what is
    /// missing, unexpected and different. Then no variable has changed.
    #[track_caller]
    fn load(&self, path: impl AsRef<Path>) -> Result<()>
    where
        Self: Sized,
    {
        let at = Place::caller();
        outside("load").and_then(|()| read(&self.named_variables(), path.as_ref())).map_err(|e| e.at(at))
    }
}

fn outside(what: &'static str) -> Result<()> {
    match is_tracing() {
        false => Ok(()),
        true => Err(Error::new(
            Kind::FailedPrecondition,
            what,
            "files are not read or written while a function is traced: it would happen once, not at each call",
        )),
    }
}

const DTYPES: [(DType, Dtype); 13] = [
    (DType::F16, Dtype::F16),
    (DType::BF16, Dtype::BF16),
    (DType::F32, Dtype::F32),
    (DType::F64, Dtype::F64),
    (DType::I8, Dtype::I8),
    (DType::I16, Dtype::I16),
    (DType::I32, Dtype::I32),
    (DType::I64, Dtype::I64),
    (DType::U8, Dtype::U8),
    (DType::U16, Dtype::U16),
    (DType::U32, Dtype::U32),
    (DType::U64, Dtype::U64),
    (DType::Bool, Dtype::BOOL),
];

fn write(variables: &[(String, Variable)], path: &Path) -> Result<()> {
    let failed =
        |e: &dyn std::fmt::Display| Error::new(Kind::Unknown, "save", format!("{}: {e}", path.display()));
    let mut storages = vec![];
    for (name, v) in variables {
        let dtype = DTYPES.iter().find(|d| d.0 == v.dtype()).map(|d| d.1);
        let dtype =
            dtype.ok_or_else(|| failed(&format!("`{name}` is {}, which safetensors lacks", v.dtype())))?;
        storages.push((name, dtype, v.shape().to_vec(), v.peek().storage()?));
    }
    let views = storages
        .iter()
        .map(|(name, dtype, shape, storage)| {
            Ok((
                name.as_str(),
                TensorView::new(*dtype, shape.clone(), storage.bytes()).map_err(|e| failed(&e))?,
            ))
        })
        .collect::<Result<Vec<_>>>()?;
    crate::files::replace(path, |file| {
        safetensors::serialize_to_file(views, None, file).map_err(|e| failed(&e))
    })
}

fn read(variables: &[(String, Variable)], path: &Path) -> Result<()> {
    let bytes = fs::read(path).map_err(|e| {
        let e = Error::from(e);
        Error::new(e.kind(), "load", format!("{}: {}", path.display(), e.message()))
    })?;
    let damaged = |e: safetensors::SafeTensorError| {
        Error::new(Kind::DataLoss, "load", format!("{} is not a safetensors file: {e}", path.display()))
    };
    let file = SafeTensors::deserialize(&bytes).map_err(damaged)?;
    let mut wrong = vec![];
    let mut values = vec![];
    for (name, v) in variables {
        let Ok(view) = file.tensor(name) else {
            wrong.push(format!("missing: {name}: {}", v.meta()));
            continue;
        };
        let dtype = DTYPES.iter().find(|d| d.1 == view.dtype()).map(|d| d.0);
        match dtype.map(|dtype| Meta::new(dtype, view.shape())) {
            Some(meta) if meta == *v.meta() => values.push((v, view)),
            Some(meta) => wrong.push(format!("different: {name}: {} here, {meta} in the file", v.meta())),
            None => wrong.push(format!("different: {name}: {} here, {} in the file", v.meta(), view.dtype())),
        }
    }
    let mut unexpected: Vec<&str> =
        file.names().into_iter().filter(|n| !variables.iter().any(|v| v.0 == *n)).collect();
    unexpected.sort_unstable();
    wrong.extend(unexpected.iter().map(|n| format!("unexpected: {n}")));
    if !wrong.is_empty() {
        let text = format!("{} does not fit the module:\n  {}", path.display(), wrong.join("\n  "));
        return Err(Error::invalid("load", text));
    }
    // All values first: if one cannot be placed on its device, no variable has changed.
    let place = |(v, view): (&Variable, TensorView<'_>)| {
        let value = Tensor::from_raw(v.meta().clone(), view.data())?;
        Ok((v.clone(), device::transfer(&value, v.device())?))
    };
    let values = values.into_iter().map(place).collect::<Result<Vec<_>>>()?;
    for (v, value) in values {
        v.poke(value);
    }
    Ok(())
}

impl<M: Module> Module for Vec<M> {}
impl<M: Module> Module for Option<M> {}
impl<M: Module> Module for Box<M> {}
impl<M: Module, const N: usize> Module for [M; N] {}
impl Module for Variable {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate as tf;

    fn pair(n: usize) -> Vec<Variable> {
        vec![Variable::new(tf::ones([n])), Variable::untrainable("count", tf::constant(7i64))]
    }

    #[test]
    fn saved_and_loaded_whole_or_not_at_all() {
        let path = std::env::temp_dir().join(format!("tenfold_module_{}.safetensors", std::process::id()));
        let (a, b) = (pair(3), pair(3));
        a[0].assign(tf::constant([1.0, 2.0, 3.0]));
        assert_eq!(a.named_variables()[1].0, "1");
        assert_eq!((a.variables().len(), a.trainable_variables().len()), (2, 1));
        a.save(&path).unwrap();
        b.load(&path).unwrap();
        assert_eq!(b[0].read().to_vec::<f32>().unwrap(), [1.0, 2.0, 3.0]);

        let mut other = pair(2);
        other[1].assign(tf::constant(8i64));
        other.push(Variable::new(tf::ones([1])));
        let e = other.load(&path).unwrap_err();
        assert!(e.message().contains("different: 0: f32[2] here, f32[3] in the file"), "{e}");
        assert!(e.message().contains("missing: 2: f32[1]"), "{e}");
        assert_eq!(other[1].read().item::<i64>().unwrap(), 8);
        let e = a[0].load(&path).unwrap_err();
        assert!(e.message().contains("unexpected: 0"), "{e}");

        fs::write(&path, b"nonsense").unwrap();
        assert_eq!(a.load(&path).unwrap_err().kind(), Kind::DataLoss);
        fs::remove_file(&path).unwrap();
        assert_eq!(a.load(&path).unwrap_err().kind(), Kind::NotFound);
        let e = a.save("/nowhere/at/all").unwrap_err();
        assert!(e.place().unwrap().file.ends_with("module.rs"), "{e}");
    }

    #[test]
    fn a_shared_variable_has_one_name() {
        let v = Variable::new(1.0f32);
        assert_eq!(vec![v.clone(), v].named_variables().len(), 1);
    }
}
