//! From a fusion group to its program: instructions, registers, what goes into variables.

use super::build::Builder;
use super::chains::{Links, Part};
use super::program::{Code, Instruction, Kind, Operand, Program, Reg, Use};
use super::{Place, Step, Store};
use crate::cpu::device::sizes;
use crate::error::{Error, Result};
use crate::graph::passes::fuse;
use crate::graph::{Node, Value, weight};
use crate::op::{Cpu, Sizes};
use crate::ops;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use tenfold_kernels::chain::{Chain, With};

/// Rows of so many elements are long enough for a chain of their own.
const LONG_ROW: usize = 128;

/// A node, or some as one, before registers are given out.
struct Draft {
    kind: Kind,
    operands: SmallVec<[Value; 4]>,
    /// What it is as a chain, if it can be one.
    links: Option<Links>,
    /// Those of a chain that are one element for each row of its result.
    spread: SmallVec<[Value; 4]>,
    result: Value,
    /// Whether it is one element a row.
    by_row: bool,
    dead: bool,
}

impl Draft {
    /// Its results, the last one last.
    fn results(&self) -> impl Iterator<Item = Value> + '_ {
        self.links.iter().flat_map(|l| l.results.iter().copied()).chain([self.result])
    }
    /// How it uses an operand.
    fn how(&self, v: Value) -> Use {
        let one = |l: &Links| {
            let at = l.operands.iter().position(|x| *x == v);
            l.links.iter().any(|link| matches!(link.with, With::One(k) if Some(k) == at))
        };
        match &self.links {
            _ if self.spread.contains(&v) => Use::Row,
            Some(links) if one(links) => Use::First,
            _ => Use::Along,
        }
    }
    /// Its operands, and whether each is meant as one element a row: a reduction's are not, and a chain takes what is by itself.
    fn takes(&self) -> impl Iterator<Item = (Value, bool)> + '_ {
        let narrow = self.by_row && !matches!(self.kind, Kind::Reduce(..));
        self.operands.iter().map(move |v| (*v, narrow || self.spread.contains(v)))
    }
}

impl Builder<'_> {
    /// The step of an element-wise group, and the assignments that it leaves to steps of their own. `released` are the reads
    /// whose values nobody needs afterwards, by variable.
    pub(super) fn program(
        &self,
        group: &fuse::Group,
        released: &[(usize, usize)],
    ) -> Result<(Step, Vec<u32>)> {
        let (stored, others) = self.stores(group, released)?;
        let drafts = self.drafts(group, &stored)?;
        let shape: Sizes = match group.nodes.len() {
            1 => sizes(&self.graph.node(group.nodes[0]).outputs[0]),
            _ => group.shape.iter().map(|d| d.size().unwrap_or(0)).collect(),
        };
        // What goes into a variable, where it may be written at once.
        let direct = |v: &Value| {
            let k = stored.iter().position(|s| s.0 == *v)?;
            self.at_once(&drafts, &shape, *v, stored[k].1.variable).then_some(k)
        };
        let mut give = Registers::default();
        // Values, and whether they are meant as one element a row.
        let mut inputs: Vec<(Value, bool)> = vec![];
        let mut outputs: Vec<(Value, bool)> = vec![];
        let mut last_use: FxHashMap<(Value, bool), usize> = FxHashMap::default();
        for (k, draft) in drafts.iter().enumerate() {
            for key in draft.takes() {
                last_use.insert(key, k);
            }
        }
        // What goes into variables stays in its register to the end of the block.
        for (v, _) in &stored {
            last_use.insert((*v, false), drafts.len());
        }
        let mut registers: FxHashMap<(Value, bool), Reg> = FxHashMap::default();
        let mut instructions = vec![];
        for (k, draft) in drafts.iter().enumerate() {
            let mut operands: SmallVec<[Reg; 4]> = SmallVec::new();
            for key in draft.takes() {
                operands.push(match registers.get(&key) {
                    Some(reg) => *reg,
                    None => {
                        let position = inputs.iter().position(|i| *i == key).unwrap_or_else(|| {
                            inputs.push(key);
                            inputs.len() - 1
                        });
                        Reg::Input(position)
                    }
                });
            }
            // The results' registers are taken before the operands' are given back: an instruction never overwrites what
            // it reads.
            let size = self.graph.meta(draft.result).dtype.size();
            let mut results: SmallVec<[Reg; 2]> = SmallVec::new();
            for v in draft.results() {
                let reg = match (self.kept[v.node as usize], direct(&v)) {
                    (true, Some(k)) => Reg::Store(k),
                    (true, None) => Reg::Scratch(give.take(), size),
                    (false, _) => {
                        outputs.push((v, draft.by_row));
                        Reg::Output(outputs.len() - 1)
                    }
                };
                registers.insert((v, draft.by_row), reg);
                results.push(reg);
            }
            let output = results.pop().unwrap_or(Reg::Input(0));
            instructions.push(Instruction {
                kind: draft.kind.clone(),
                inputs: operands,
                results,
                output,
                by_row: draft.by_row,
                uses: draft.operands.iter().map(|v| draft.how(*v)).collect(),
                weight: match &draft.links {
                    Some(chain) => chain.links.len().div_ceil(4),
                    None => weight(self.graph.node(draft.result.node).op),
                },
            });
            let mut done: SmallVec<[(Value, bool); 4]> = draft.takes().collect();
            if draft.by_row && last_use.contains_key(&(draft.result, false)) {
                // What goes element by element sees it spread over the row.
                let wide = Reg::Scratch(give.take(), size);
                registers.insert((draft.result, false), wide);
                let inputs = SmallVec::from_elem(output, 1);
                instructions.push(Instruction {
                    kind: Kind::Spread(size),
                    inputs,
                    results: SmallVec::new(),
                    output: wide,
                    by_row: false,
                    uses: SmallVec::from_elem(Use::Along, 1),
                    weight: 1,
                });
                if let std::collections::hash_map::Entry::Vacant(e) = last_use.entry((draft.result, true)) {
                    e.insert(k);
                    done.push((draft.result, true));
                }
            }
            done.sort_unstable();
            done.dedup();
            for key in done {
                if last_use.get(&key) == Some(&k)
                    && let Some(Reg::Scratch(index, _)) = registers.get(&key)
                {
                    give.back(*index);
                }
            }
        }
        let mut copies = vec![];
        for (k, (v, _)) in stored.iter().enumerate() {
            match registers.get(&(*v, false)) {
                Some(Reg::Scratch(index, _)) => copies.push((*index, k)),
                Some(Reg::Store(_)) => {}
                _ => return Err(Error::internal("plan", format!("{v} is in no register"))),
            }
        }
        let operands: Vec<_> = inputs.iter().map(|(v, by_row)| self.operand(*v, *by_row)).collect();
        let size = |v: &Value| self.graph.meta(*v).dtype.size();
        let results = outputs.iter().map(|(v, by_row)| (size(v), *by_row));
        let results: Vec<(usize, bool)> =
            results.chain(stored.iter().map(|(v, _)| (size(v), false))).collect();
        let code = Code {
            nodes: group.all().collect(),
            shape,
            row: group.row,
            outputs: results,
            registers: give.count,
            instructions,
            stores: stored.len(),
            copies,
        };
        let product = match group.product {
            None => None,
            Some(node) => {
                let output = Value { node, output: 0 };
                let operand = inputs.iter().position(|i| i.0 == output);
                Some(Box::new(super::Product {
                    node,
                    inputs: self.slots(self.graph.node(node).inputs.iter().copied())?,
                    output: self.slot(output)?,
                    operand: operand
                        .ok_or_else(|| Error::internal("plan", "a group does not use its product"))?,
                }))
            }
        };
        let program = Box::new(Program::new(code, &operands));
        let stores = stored.into_iter().map(|(_, store)| store).collect();
        let (inputs, outputs) = (inputs.into_iter().map(|i| i.0), outputs.into_iter().map(|o| o.0));
        Ok((
            Step::Fused {
                program,
                product,
                inputs: self.slots(inputs)?,
                outputs: self.slots(outputs)?,
                stores,
            },
            others,
        ))
    }
    /// Whether a value may be written into the memory of `variable`, which may be that of its old value, as soon as it is made:
    /// each element of the old value has been read then.
    fn at_once(&self, drafts: &[Draft], shape: &[usize], v: Value, variable: usize) -> bool {
        let old = |x: &&Value| {
            let made = self.graph.node(self.root(**x).node);
            made.is(&ops::READ_VARIABLE) && made.attrs.int("slot") as usize == variable
        };
        let Some(home) = drafts.iter().position(|d| d.results().any(|r| r == v)) else { return false };
        drafts.iter().enumerate().all(|(k, draft)| {
            draft.operands.iter().filter(old).all(|x| {
                // Another thread may be ahead: only what is read one for one is not written before it is read.
                let along = *sizes(self.graph.meta(*x)) == *shape;
                let before = match &draft.links {
                    _ if k != home => k < home,
                    Some(links) => links.written(v).is_none_or(|at| links.last_read(*x) < Some(at)),
                    None => false,
                };
                along && before
            })
        })
    }
    /// The values that the group writes into variables, and the assignments for which it cannot.
    fn stores(
        &self,
        group: &fuse::Group,
        released: &[(usize, usize)],
    ) -> Result<(Vec<(Value, Store)>, Vec<u32>)> {
        let (mut stored, mut others): (Vec<(Value, Store)>, Vec<u32>) = (vec![], vec![]);
        for n in group.nodes.iter().filter(|n| self.graph.node(**n).is(&ops::ASSIGN_VARIABLE)) {
            let node = self.graph.node(*n);
            let (value, variable) = (node.inputs[0], node.attrs.int("slot") as usize);
            // What has memory of its own is copied from there.
            if !self.kept[value.node as usize] {
                others.push(*n);
                continue;
            }
            if stored.iter().any(|s| s.0 == value) {
                return Err(Error::internal("plan", "a value that is assigned twice has no memory"));
            }
            let meta = self.graph.meta(value).clone();
            let release = released.iter().filter(|r| r.0 == variable).map(|r| r.1).collect();
            stored.push((value, Store { variable, bytes: meta.bytes().unwrap_or(0), meta, release }));
        }
        Ok((stored, others))
    }
    /// The group's nodes as instructions without registers; sums and products whose result only one other of them uses are one
    /// chain with it, also where the result goes elsewhere too.
    fn drafts(&self, group: &fuse::Group, stored: &[(Value, Store)]) -> Result<Vec<Draft>> {
        let mut drafts: Vec<Draft> = vec![];
        let mut uses: FxHashMap<Value, usize> = FxHashMap::default();
        let computes = |n: &&u32| !self.graph.node(**n).is(&ops::ASSIGN_VARIABLE);
        for n in group.nodes.iter().filter(computes) {
            for v in &self.graph.node(*n).inputs {
                *uses.entry(*v).or_default() += 1;
            }
        }
        // What has a place to be written to, though one node alone uses it.
        let wanted = |v: &Value| !self.kept[v.node as usize] || stored.iter().any(|s| s.0 == *v);
        for n in group.nodes.iter().filter(computes) {
            let node = self.graph.node(*n);
            let by_row = group.row > 0 && node.outputs[0].shape != group.shape;
            // What is one element for each row of a long row need not be spread for a chain.
            let of_rows = |v: &Value| {
                let shape = &self.graph.meta(*v).shape;
                group.row >= LONG_ROW && !by_row && fuse::by_row(&group.shape) == *shape
            };
            // The draft of an operand that this node alone needs, and that is a chain.
            let before = |v: &Value| {
                let alone = uses.get(v) == Some(&1);
                let alike = self.graph.meta(*v) == &node.outputs[0];
                let from =
                    drafts.iter().position(|d| d.result == *v && !d.dead).filter(|_| alone && alike)?;
                (drafts[from].links.is_some() && drafts[from].by_row == by_row).then_some(from)
            };
            let mut joined: SmallVec<[Option<usize>; 3]> = node.inputs.iter().map(before).collect();
            let chain = |joined: &[Option<usize>]| {
                let part = |(v, from): (&Value, &Option<usize>)| match from
                    .and_then(|k| drafts[k].links.as_ref())
                {
                    Some(links) => Part::Links(links, wanted(v).then_some(*v)),
                    None => Part::Value(*v, of_rows(v) || sizes(self.graph.meta(*v)).iter().all(|d| *d == 1)),
                };
                let parts: SmallVec<[Part<'_>; 3]> = node.inputs.iter().zip(joined).map(part).collect();
                Links::new(node, &parts)
            };
            let mut links = chain(&joined);
            // Where there is no room for all, the last operand's chain goes on, or the first's, or none.
            for alone in [joined.len().saturating_sub(1), 0] {
                if links.is_none() && joined.iter().flatten().count() > 1 {
                    let mut less: SmallVec<[Option<usize>; 3]> = SmallVec::from_elem(None, joined.len());
                    less[alone] = joined[alone];
                    links = chain(&less);
                    if links.is_some() {
                        joined = less;
                    }
                }
            }
            if links.is_none() {
                joined.fill(None);
                links = chain(&joined);
            }
            joined.iter().flatten().for_each(|from| drafts[*from].dead = true);
            let operands = links.as_ref().map_or(&node.inputs[..], |l| &l.operands[..]);
            let spread = match &links {
                Some(links) => links.operands.iter().filter(|v| of_rows(v)).copied().collect(),
                None => SmallVec::new(),
            };
            drafts.push(Draft {
                spread,
                kind: self.kind(node)?,
                operands: operands.iter().copied().collect(),
                links,
                result: Value { node: *n, output: 0 },
                by_row,
                dead: false,
            });
        }
        drafts.retain(|d| !d.dead);
        for draft in &mut drafts {
            let Some(Links { links, .. }) = &draft.links else { continue };
            let chain =
                Chain::new(links).ok_or_else(|| Error::internal("plan", "a chain of too many operands"))?;
            draft.kind = Kind::Chain(chain, self.graph.meta(draft.result).dtype);
        }
        Ok(drafts)
    }
    fn kind(&self, node: &Node) -> Result<Kind> {
        match node.op.cpu {
            Cpu::Elementwise(lookup) => {
                let dtypes: SmallVec<[_; 3]> =
                    node.inputs.iter().map(|v| self.graph.meta(*v).dtype).collect();
                let f = lookup(&dtypes, node.outputs[0].dtype).ok_or_else(|| {
                    Error::invalid(node.op.name, format!("there is no CPU kernel for {}", dtypes[0]))
                        .at(node.at)
                })?;
                Ok(Kind::Block(f))
            }
            _ => Kind::reduce(node.op, node.outputs[0].dtype),
        }
        .map_err(|e: Error| e.at(node.at))
    }
    /// How a group sees one of its operands.
    fn operand(&self, v: Value, by_row: bool) -> Operand<'_> {
        let meta = self.graph.meta(v);
        let constant = match self.place.get(&self.root(v)) {
            Some(Place::Constant(k)) => Some(self.constants[*k].bytes()),
            _ => None,
        };
        Operand { dtype: meta.dtype, shape: sizes(meta), constant, by_row }
    }
}

/// Gives out scratch registers.
#[derive(Default)]
struct Registers {
    free: Vec<usize>,
    count: usize,
}

impl Registers {
    fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.count += 1;
            self.count - 1
        })
    }
    fn back(&mut self, index: usize) {
        self.free.push(index);
    }
}
