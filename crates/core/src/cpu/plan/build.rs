//! Building a plan: places for values, steps for groups.

use super::{Argument, Place, Plan, Repeat, Slot, Step, packed};
use crate::buffer::Storage;
use crate::cpu::device::sizes;
use crate::cpu::spares::Spares;
use crate::error::{Error, Kind, Result};
use crate::graph::passes::{fuse, memory};
use crate::graph::{Graph, Node, Value};
use crate::op::Cpu;
use crate::ops;
use crate::shape::Meta;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::ops::Range;

/// How many of its largest values a plan remembers.
const ROOMS: usize = 16;

pub(super) fn build(graph: &Graph) -> Result<Plan> {
    build_turn(graph, &(0..0))
}

/// The plan of a loop's turn; the arguments `fixed` are the same in every turn.
pub(super) fn build_turn(graph: &Graph, fixed: &Range<usize>) -> Result<Plan> {
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
        entries: vec![],
        entry: FxHashMap::default(),
    };
    builder.roots();
    builder.places(&groups)?;
    let drafts = builder.packs(fixed);
    let (arena, panels) = builder.arena(&groups, &drafts)?;
    builder.enter(&panels);
    let steps = builder.steps(&groups)?;
    let results = graph.outputs.iter().map(|v| builder.slot(*v)).collect::<Result<Vec<_>>>()?;
    let rooms = builder.rooms();
    let owner = |k: usize| results.iter().position(|s| s.place == Place::Output(k)).unwrap_or(usize::MAX);
    let owners = (0..builder.fresh.len()).map(owner).collect();
    let argument = |(at, place): (usize, &Place)| match place {
        Place::Input(index) => {
            let bytes = graph.meta(graph.inputs[*index]).bytes().unwrap_or(0);
            Some(Argument { at, index: *index, bytes })
        }
        _ => None,
    };
    let at = |place: &Place| builder.entry.get(place).copied().unwrap_or(usize::MAX);
    let packed = drafts.into_iter().zip(panels).map(|(draft, place)| draft.at(at(&place), place)).collect();
    Ok(Plan {
        packed,
        nodes: graph.nodes.clone(),
        steps,
        arena,
        constants: builder.constants,
        arguments: builder.entries.iter().enumerate().filter_map(argument).collect(),
        fresh_at: (0..builder.fresh.len())
            .map(|k| builder.entry.get(&Place::Output(k)).copied().unwrap_or(usize::MAX))
            .collect(),
        entries: builder.entries,
        reads: builder.reads,
        made: builder.made,
        fresh: builder.fresh,
        results,
        rooms,
        owners,
        frames: Spares::new(),
    })
}

pub(super) struct Builder<'a> {
    pub(super) graph: &'a Graph,
    pub(super) place: FxHashMap<Value, Place>,
    /// The value whose memory a view shares, for every view.
    root: FxHashMap<Value, Value>,
    pub(super) constants: Vec<Storage>,
    reads: usize,
    made: usize,
    fresh: Vec<Meta>,
    /// The values that a group's program keeps in registers: they need no memory.
    pub(super) kept: Vec<bool>,
    /// The table of addresses, and where in it a place is.
    entries: Vec<Place>,
    entry: FxHashMap<Place, usize>,
}

impl Builder<'_> {
    pub(super) fn root(&self, v: Value) -> Value {
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
            for n in group.all() {
                let node = self.graph.node(n);
                for v in &node.inputs {
                    if let Some(life) = lives.get_mut(&self.root(*v)) {
                        life.1 = step;
                    }
                }
                for output in 0..node.outputs.len() as u32 {
                    lives.entry(Value { node: n, output }).or_insert((step, step));
                }
            }
        }
        lives
    }
    /// Which values leave the group that makes them.
    fn escapes(&self, groups: &[fuse::Group]) -> Vec<bool> {
        let mut home = vec![0; self.graph.nodes.len()];
        for (step, group) in groups.iter().enumerate() {
            group.all().for_each(|n| home[n as usize] = step);
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
            // Two variables cannot be the one place of a value.
            let mut assigned: Vec<u32> = vec![];
            for n in group.nodes.iter().filter(|n| self.graph.node(**n).is(&ops::ASSIGN_VARIABLE)) {
                let value = self.graph.node(*n).inputs[0].node;
                self.kept[value as usize] &= !assigned.contains(&value);
                assigned.push(value);
            }
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
        Ok(())
    }
    /// Makes the table: one entry for each place.
    fn enter(&mut self, panels: &[Place]) {
        let mut places: Vec<(Value, Place)> = self.place.iter().map(|(v, p)| (*v, *p)).collect();
        places.sort_unstable_by_key(|(v, _)| *v);
        for place in places.into_iter().map(|(_, place)| place).chain(panels.iter().copied()) {
            self.entry.entry(place).or_insert_with(|| {
                self.entries.push(place);
                self.entries.len() - 1
            });
        }
    }
    /// Plans the arena and writes the offsets; returns its size, and where what is packed lies.
    fn arena(&mut self, groups: &[fuse::Group], packs: &[packed::Draft]) -> Result<(usize, Vec<Place>)> {
        let lives = self.lives(groups);
        let mut values: Vec<Value> =
            self.place.iter().filter(|(_, p)| matches!(p, Place::Arena(_))).map(|(v, _)| *v).collect();
        values.sort_unstable();
        let mut table: Vec<memory::Life> = values
            .iter()
            .map(|v| {
                let (from, to) = lives.get(v).copied().unwrap_or((0, groups.len()));
                memory::Life { bytes: self.graph.meta(*v).bytes().unwrap_or(0), from, to }
            })
            .collect();
        // What is packed stays from one turn to the next.
        let stays = |draft: &packed::Draft| {
            let bytes = draft.meta.bytes().unwrap_or(usize::MAX);
            memory::Life { bytes, from: 0, to: groups.len() }
        };
        table.extend(packs.iter().map(stays));
        let (offsets, size) = memory::plan(&table);
        let panels = offsets[values.len()..].iter().map(|offset| Place::Arena(*offset)).collect();
        for (v, offset) in values.into_iter().zip(offsets) {
            self.place.insert(v, Place::Arena(offset));
        }
        Ok((size, panels))
    }
    pub(super) fn slot(&self, v: Value) -> Result<Slot> {
        let meta = self.graph.meta(v).clone();
        let place = self.place.get(&self.root(v)).copied();
        let at = place.and_then(|p| self.entry.get(&p).copied());
        let (Some(place), Some(at)) = (place, at) else {
            return Err(Error::internal("plan", format!("{v} has no place")));
        };
        let bytes = meta.bytes().ok_or_else(|| match meta.shape.is_known() {
            false => Error::internal("plan", format!("{v} is not concrete: {meta}")),
            true => {
                let node = self.graph.node(v.node);
                let text = format!("the result {meta} is too large");
                Error::new(Kind::ResourceExhausted, node.op.name, text).at(node.at)
            }
        })?;
        Ok(Slot { at, place, sizes: sizes(&meta), bytes, meta })
    }
    pub(super) fn slots(&self, values: impl IntoIterator<Item = Value>) -> Result<Vec<Slot>> {
        values.into_iter().map(|v| self.slot(v)).collect()
    }
    /// The largest values with memory of their own.
    fn rooms(&self) -> Vec<(usize, u32)> {
        let own = self.place.iter().filter(|(_, p)| matches!(p, Place::Arena(_) | Place::Output(_)));
        let mut rooms: Vec<(usize, u32)> =
            own.map(|(v, _)| (self.graph.meta(*v).bytes().unwrap_or(0), v.node)).collect();
        rooms.sort_unstable_by_key(|(bytes, node)| (std::cmp::Reverse(*bytes), *node));
        rooms.truncate(ROOMS);
        rooms
    }
    fn steps(&mut self, groups: &[fuse::Group]) -> Result<Vec<Step>> {
        let lives = self.lives(groups);
        let mut steps = vec![];
        for (number, group) in groups.iter().enumerate() {
            let n = group.nodes[0];
            let node = self.graph.node(n);
            let outputs = (0..node.outputs.len() as u32).map(|output| Value { node: n, output });
            let step =
                if *node.op == ops::INPUT || *node.op == ops::CONSTANT || matches!(node.op.cpu, Cpu::View) {
                    continue;
                } else if *node.op == ops::READ_VARIABLE {
                    let slot = self.slot(Value { node: n, output: 0 })?;
                    let Place::Read(read) = slot.place else { continue };
                    let variable = node.attrs.int("slot") as usize;
                    Step::Read { variable, read, at: slot.at, bytes: slot.bytes }
                } else if *node.op == ops::ASSIGN_VARIABLE {
                    self.assign(node, self.released(&lives, number))?
                } else if group.nodes.len() > 1 || matches!(node.op.cpu, Cpu::Elementwise(_)) {
                    let released = self.released(&lives, number);
                    let (program, others) = self.program(group, &released)?;
                    steps.push(program);
                    for n in others {
                        steps.push(self.assign(self.graph.node(n), released.clone())?);
                    }
                    continue;
                } else if node.is(&ops::IF) {
                    let side = |name| build(node.attrs.graph(name));
                    Step::If {
                        node: n,
                        condition: self.slot(node.inputs[0])?,
                        inputs: self.slots(node.inputs[1..].iter().copied())?,
                        outputs: self.slots(outputs)?,
                        sides: Box::new([side("then")?, side("otherwise")?]),
                    }
                } else if node.is(&ops::WHILE) {
                    Step::While {
                        node: n,
                        inputs: self.slots(node.inputs.iter().copied())?,
                        outputs: self.slots(outputs)?,
                        repeat: Box::new(Repeat::new(node)?),
                    }
                } else {
                    match node.op.cpu {
                        Cpu::Reindex(plan) => {
                            let metas: SmallVec<[&Meta; 4]> =
                                node.inputs.iter().map(|v| self.graph.meta(*v)).collect();
                            Step::Copy {
                                node: n,
                                copies: plan(&metas, &node.attrs, &node.outputs),
                                inputs: self.slots(node.inputs.iter().copied())?,
                                outputs: self.slots(outputs)?,
                            }
                        }
                        Cpu::Engine(_) => Step::Engine {
                            node: n,
                            inputs: self.slots(node.inputs.iter().copied())?,
                            made: self
                                .slots(outputs)?
                                .iter()
                                .filter_map(|slot| match slot.place {
                                    Place::Made(k) => Some((k, slot.at)),
                                    _ => None,
                                })
                                .collect(),
                        },
                        _ => Step::Kernel {
                            node: n,
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
    /// The reads whose values nobody needs after step `number`, by variable.
    fn released(&self, lives: &FxHashMap<Value, (usize, usize)>, number: usize) -> Vec<(usize, usize)> {
        let mut released: Vec<(usize, usize)> = self
            .place
            .iter()
            .filter(|(v, _)| lives.get(v).is_some_and(|l| l.1 <= number) && !self.is_result(**v))
            .filter_map(|(v, place)| match place {
                Place::Read(read) => Some((self.graph.node(v.node).attrs.int("slot") as usize, *read)),
                _ => None,
            })
            .collect();
        released.sort_unstable();
        released
    }
    fn assign(&self, node: &Node, released: Vec<(usize, usize)>) -> Result<Step> {
        let (value, variable) = (self.slot(node.inputs[0])?, node.attrs.int("slot") as usize);
        let release = released.into_iter().map(|(_, read)| read).filter(|r| value.place != Place::Read(*r));
        Ok(Step::Assign { variable, release: release.collect(), value })
    }
}
