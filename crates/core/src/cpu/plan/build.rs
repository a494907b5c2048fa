//! Building a plan: places for values, steps for groups.

use super::program::{Instruction, Program, Reg};
use super::{Place, Plan, Repeat, Slot, Step};
use crate::buffer::Storage;
use crate::cpu::device::sizes;
use crate::error::{Error, Kind, Result};
use crate::graph::passes::{fuse, memory};
use crate::graph::{Graph, Value};
use crate::op::Cpu;
use crate::ops;
use crate::shape::Meta;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::sync::Mutex;

pub(super) fn build(graph: &Graph) -> Result<Plan> {
    let groups = fuse::groups(graph);
    let mut builder = Builder {
        graph,
        place: FxHashMap::default(),
        root: FxHashMap::default(),
        constants: vec![],
        reads: 0,
        made: 0,
        fresh: vec![],
        kept: vec![],
    };
    builder.roots();
    builder.places(&groups)?;
    let steps = builder.steps(&groups)?;
    let results = graph.outputs.iter().map(|v| builder.slot(*v)).collect::<Result<Vec<_>>>()?;
    let owner = |k: usize| results.iter().position(|s| s.place == Place::Output(k)).unwrap_or(usize::MAX);
    let owners = (0..builder.fresh.len()).map(owner).collect();
    Ok(Plan {
        nodes: graph.nodes.clone(),
        steps,
        arena: builder.arena(&groups)?,
        constants: builder.constants,
        reads: builder.reads,
        made: builder.made,
        fresh: builder.fresh,
        results,
        owners,
        frames: Mutex::new(vec![]),
    })
}

struct Builder<'a> {
    graph: &'a Graph,
    place: FxHashMap<Value, Place>,
    /// The value whose memory a view shares, for every view.
    root: FxHashMap<Value, Value>,
    constants: Vec<Storage>,
    reads: usize,
    made: usize,
    fresh: Vec<Meta>,
    /// The values that a group's program keeps in registers: they need no memory.
    kept: Vec<bool>,
}

impl Builder<'_> {
    fn root(&self, v: Value) -> Value {
        self.root.get(&v).copied().unwrap_or(v)
    }
    /// Views share the memory of what they view.
    fn roots(&mut self) {
        for (i, node) in self.graph.nodes.iter().enumerate() {
            if matches!(node.op.cpu, Cpu::View) {
                let of = self.root(node.inputs[0]);
                self.root.insert(Value { node: i as u32, output: 0 }, of);
            }
        }
    }
    /// For each value with memory of its own: the step that makes it, and the last that uses it.
    fn lives(&self, groups: &[fuse::Group]) -> FxHashMap<Value, (usize, usize)> {
        let mut lives: FxHashMap<Value, (usize, usize)> = FxHashMap::default();
        for (step, group) in groups.iter().enumerate() {
            for n in &group.nodes {
                let node = self.graph.node(*n);
                for v in &node.inputs {
                    if let Some(life) = lives.get_mut(&self.root(*v)) {
                        life.1 = step;
                    }
                }
                for output in 0..node.outputs.len() as u32 {
                    lives.entry(Value { node: *n, output }).or_insert((step, step));
                }
            }
        }
        lives
    }
    /// Which values leave the group that makes them.
    fn escapes(&self, groups: &[fuse::Group]) -> Vec<bool> {
        let mut home = vec![0; self.graph.nodes.len()];
        for (step, group) in groups.iter().enumerate() {
            group.nodes.iter().for_each(|n| home[*n as usize] = step);
        }
        let mut escapes = vec![false; self.graph.nodes.len()];
        for (i, node) in self.graph.nodes.iter().enumerate() {
            for v in &node.inputs {
                escapes[v.node as usize] |= home[v.node as usize] != home[i];
            }
        }
        self.graph.outputs.iter().for_each(|v| escapes[v.node as usize] = true);
        escapes
    }
    fn places(&mut self, groups: &[fuse::Group]) -> Result<()> {
        let escapes = self.escapes(groups);
        self.kept = vec![false; self.graph.nodes.len()];
        for group in groups.iter().filter(|g| g.nodes.len() > 1) {
            group.nodes.iter().for_each(|n| self.kept[*n as usize] = !escapes[*n as usize]);
        }
        for (i, node) in self.graph.nodes.iter().enumerate() {
            for (k, meta) in node.outputs.iter().enumerate() {
                let v = Value { node: i as u32, output: k as u32 };
                let place = if *node.op == ops::INPUT {
                    Place::Input(node.attrs.int("index") as usize)
                } else if *node.op == ops::CONSTANT {
                    self.constants.push(node.attrs.tensor("value").storage()?);
                    Place::Constant(self.constants.len() - 1)
                } else if *node.op == ops::READ_VARIABLE {
                    self.reads += 1;
                    Place::Read(self.reads - 1)
                } else if matches!(node.op.cpu, Cpu::Engine(_)) && node.graphs().next().is_none() {
                    self.made += 1;
                    Place::Made(self.made - 1)
                } else if self.root.contains_key(&v) || self.kept[i] {
                    continue;
                } else if self.graph.outputs.iter().any(|o| self.root(*o) == v) {
                    self.fresh.push(meta.clone());
                    Place::Output(self.fresh.len() - 1)
                } else {
                    Place::Arena(usize::MAX)
                };
                self.place.insert(v, place);
            }
        }
        self.arena(groups).map(drop)
    }
    /// Plans the arena and writes the offsets; returns its size.
    fn arena(&mut self, groups: &[fuse::Group]) -> Result<usize> {
        let lives = self.lives(groups);
        let mut values: Vec<Value> =
            self.place.iter().filter(|(_, p)| matches!(p, Place::Arena(_))).map(|(v, _)| *v).collect();
        values.sort_unstable();
        let table: Vec<memory::Life> = values
            .iter()
            .map(|v| {
                let (from, to) = lives.get(v).copied().unwrap_or((0, groups.len()));
                memory::Life { bytes: self.graph.meta(*v).bytes().unwrap_or(0), from, to }
            })
            .collect();
        let (offsets, size) = memory::plan(&table);
        for (v, offset) in values.into_iter().zip(offsets) {
            self.place.insert(v, Place::Arena(offset));
        }
        Ok(size)
    }
    fn slot(&self, v: Value) -> Result<Slot> {
        let meta = self.graph.meta(v).clone();
        let place = self.place.get(&self.root(v)).cloned();
        let place = place.ok_or_else(|| Error::internal("plan", format!("{v} has no place")))?;
        let bytes = meta.bytes().ok_or_else(|| match meta.shape.is_known() {
            false => Error::internal("plan", format!("{v} is not concrete: {meta}")),
            true => {
                let node = self.graph.node(v.node);
                let text = format!("the result {meta} is too large");
                Error::new(Kind::ResourceExhausted, node.op.name, text).at(node.at)
            }
        })?;
        Ok(Slot { place, sizes: sizes(&meta), bytes, meta })
    }
    fn slots(&self, values: impl IntoIterator<Item = Value>) -> Result<Vec<Slot>> {
        values.into_iter().map(|v| self.slot(v)).collect()
    }
    fn steps(&mut self, groups: &[fuse::Group]) -> Result<Vec<Step>> {
        let lives = self.lives(groups);
        let mut steps = vec![];
        for (number, group) in groups.iter().enumerate() {
            let n = group.nodes[0];
            let node = self.graph.node(n);
            let outputs = (0..node.outputs.len() as u32).map(|output| Value { node: n, output });
            let step = if *node.op == ops::INPUT
                || *node.op == ops::CONSTANT
                || matches!(node.op.cpu, Cpu::View)
            {
                continue;
            } else if *node.op == ops::READ_VARIABLE {
                let Some(Place::Read(read)) = self.place.get(&Value { node: n, output: 0 }) else { continue };
                Step::Read { variable: node.attrs.int("slot") as usize, read: *read }
            } else if *node.op == ops::ASSIGN_VARIABLE {
                let release = self.place.iter().filter_map(|(v, place)| match place {
                    Place::Read(r) if lives.get(v).is_some_and(|l| l.1 <= number) && !self.is_result(*v) => {
                        Some(*r)
                    }
                    _ => None,
                });
                let value = self.slot(node.inputs[0])?;
                let mut release: Vec<usize> = release.filter(|r| value.place != Place::Read(*r)).collect();
                release.sort_unstable();
                Step::Assign { variable: node.attrs.int("slot") as usize, value, release }
            } else if node.is(&ops::IF) {
                let side = |name| build(node.attrs.graph(name));
                Step::If {
                    node: n as usize,
                    condition: self.slot(node.inputs[0])?,
                    inputs: self.slots(node.inputs[1..].iter().copied())?,
                    outputs: self.slots(outputs)?,
                    sides: Box::new([side("then")?, side("otherwise")?]),
                }
            } else if node.is(&ops::WHILE) {
                Step::While {
                    node: n as usize,
                    inputs: self.slots(node.inputs.iter().copied())?,
                    outputs: self.slots(outputs)?,
                    repeat: Box::new(Repeat::new(node)?),
                }
            } else {
                match node.op.cpu {
                    Cpu::Elementwise(_) => self.program(group)?,
                    Cpu::Reindex(plan) => {
                        let metas: SmallVec<[&Meta; 4]> =
                            node.inputs.iter().map(|v| self.graph.meta(*v)).collect();
                        Step::Copy {
                            node: n as usize,
                            copies: plan(&metas, &node.attrs, &node.outputs),
                            inputs: self.slots(node.inputs.iter().copied())?,
                            outputs: self.slots(outputs)?,
                        }
                    }
                    Cpu::Engine(_) => Step::Engine {
                        node: n as usize,
                        inputs: self.slots(node.inputs.iter().copied())?,
                        made: outputs
                            .filter_map(|v| match self.place.get(&v) {
                                Some(Place::Made(k)) => Some(*k),
                                _ => None,
                            })
                            .collect(),
                    },
                    _ => Step::Kernel {
                        node: n as usize,
                        inputs: self.slots(node.inputs.iter().copied())?,
                        outputs: self.slots(outputs)?,
                    },
                }
            };
            steps.push(step);
        }
        Ok(steps)
    }
    fn is_result(&self, v: Value) -> bool {
        self.graph.outputs.iter().any(|o| self.root(*o) == v)
    }
    /// The program of an element-wise group: registers are reused after their last use.
    fn program(&self, group: &fuse::Group) -> Result<Step> {
        let shape = sizes(&self.graph.node(group.nodes[0]).outputs[0]);
        let mut inputs: Vec<Value> = vec![];
        let mut outputs: Vec<Value> = vec![];
        let mut last_use: FxHashMap<u32, usize> = FxHashMap::default();
        for (k, n) in group.nodes.iter().enumerate() {
            for v in &self.graph.node(*n).inputs {
                last_use.insert(v.node, k);
            }
        }
        let mut registers: FxHashMap<u32, Reg> = FxHashMap::default();
        let mut free: Vec<usize> = vec![];
        let mut scratch = 0;
        let mut instructions = vec![];
        for (k, n) in group.nodes.iter().enumerate() {
            let node = self.graph.node(*n);
            let dtypes: SmallVec<[_; 3]> = node.inputs.iter().map(|v| self.graph.meta(*v).dtype).collect();
            let Cpu::Elementwise(lookup) = node.op.cpu else {
                return Err(Error::internal(node.op.name, "not an element-wise op, in a fused group"));
            };
            let f = lookup(&dtypes, node.outputs[0].dtype).ok_or_else(|| {
                Error::invalid(node.op.name, format!("there is no CPU kernel for {}", dtypes[0])).at(node.at)
            })?;
            let mut operands: SmallVec<[Reg; 3]> = SmallVec::new();
            for v in &node.inputs {
                operands.push(match registers.get(&v.node) {
                    Some(reg) => *reg,
                    None => {
                        let position = inputs.iter().position(|i| i == v).unwrap_or_else(|| {
                            inputs.push(*v);
                            inputs.len() - 1
                        });
                        Reg::Input(position)
                    }
                });
            }
            // The output's register is taken before the operands' are given back: an instruction never overwrites what
            // it reads.
            let output = if self.kept[*n as usize] {
                let index = free.pop().unwrap_or_else(|| {
                    scratch += 1;
                    scratch - 1
                });
                Reg::Scratch(index, node.outputs[0].dtype.size())
            } else {
                outputs.push(Value { node: *n, output: 0 });
                Reg::Output(outputs.len() - 1)
            };
            registers.insert(*n, output);
            let mut done: Vec<u32> = node.inputs.iter().map(|v| v.node).collect();
            done.sort_unstable();
            done.dedup();
            for input in done {
                if last_use.get(&input) == Some(&k)
                    && let Some(Reg::Scratch(index, _)) = registers.get(&input)
                {
                    free.push(*index);
                }
            }
            instructions.push(Instruction { f, inputs: operands, output });
        }
        let sources: Vec<_> = inputs
            .iter()
            .map(|v| {
                let meta = self.graph.meta(*v);
                (meta.dtype, sizes(meta))
            })
            .collect();
        let output_sizes = outputs.iter().map(|v| self.graph.meta(*v).dtype.size()).collect();
        let program = Program::new(group.nodes.clone(), shape, &sources, output_sizes, scratch, instructions);
        Ok(Step::Fused { program, inputs: self.slots(inputs)?, outputs: self.slots(outputs)? })
    }
}
