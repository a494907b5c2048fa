//! The gradients of nodes with graphs.

use super::flow::{Draft, append};
use crate::error::{Error, Kind, Place, Result};
use crate::tape::{self, CallPullback};
use crate::tensor::Tensor;
use std::rc::Rc;

/// Makes a node with graphs: its results.
pub(super) fn make(draft: Draft, at: Place) -> Result<Vec<Tensor>> {
    let outputs = append(&draft, at)?;
    let name = draft.op.name;
    let pullback: CallPullback = Rc::new(move |_, _| {
        Err(Error::new(Kind::Unimplemented, name, "its gradient is not there yet").at(at))
    });
    tape::record_call(name, &draft.operands.iter().collect::<Vec<_>>(), &outputs, at, pullback);
    Ok(outputs)
}
