//! Nodes with graphs: a side that is known takes the node's place, what nobody needs is not carried, taken or given, and
//! what is the same in every turn is computed before the loop.

use super::{Rebuild, run_all};
use crate::device::Device;
use crate::dtype::DType;
use crate::error::{Place, Result};
use crate::graph::{Graph, Node, Value, VariableInfo};
use crate::op::{Attrs, Effect};
use crate::ops;
use crate::shape::Meta;
use crate::tensor::Scalar;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// Runs all passes inside nodes.
pub(super) fn inside(
    mut graph: Graph,
    variables: &[VariableInfo],
    device: Device,
    fast_math: bool,
) -> Result<Graph> {
    for node in graph.nodes.iter_mut().filter(|n| flows(n)) {
        let attrs = std::mem::take(&mut node.attrs);
        node.attrs =
            attrs.with_graphs(|g| run_all(g, variables, device, fast_math, &mut |_, _, _| Ok(())))?;
    }
    Ok(graph)
}

/// Whether a node has graphs inside.
fn flows(node: &Node) -> bool {
    node.graphs().next().is_some()
}

/// An `if` over a constant becomes the side that is taken; a loop without turns and stacks what it begins with.
pub(super) fn choose(graph: Graph) -> Result<Graph> {
    if !graph.nodes.iter().any(flows) {
        return Ok(graph);
    }
    let (mut rebuild, nodes) = Rebuild::new(graph);
    for node in nodes {
        if node.is(&ops::IF)
            && let Some(taken) = constant(&rebuild, node.inputs[0])
        {
            let side = node.attrs.graph(if taken { "then" } else { "otherwise" });
            let operands = rebuild.operands(&node);
            let results = splice(&mut rebuild.new, side, &operands[1..]);
            rebuild.replace(results);
            continue;
        }
        let carried = node.outputs.len();
        if node.is(&ops::WHILE) && node.attrs.int("carried") as usize == carried && no_turn(&node) {
            let operands = rebuild.operands(&node);
            // A size that turns may change stays a size that only the run decides.
            if (0..carried).all(|k| rebuild.new.meta(operands[k]) == &node.outputs[k]) {
                rebuild.replace(operands[..carried].iter().copied());
                continue;
            }
        }
        rebuild.copy(node);
    }
    Ok(rebuild.finish())
}

fn constant(rebuild: &Rebuild, v: Value) -> Option<bool> {
    truth(&rebuild.new, rebuild.value(v))
}

fn truth(graph: &Graph, v: Value) -> Option<bool> {
    let made = graph.node(v.node);
    if !made.is(&ops::CONSTANT) {
        return None;
    }
    made.attrs.tensor("value").item::<bool>().ok()
}

fn no_turn(node: &Node) -> bool {
    let condition = node.attrs.graph("condition");
    match node.attrs.shape("trips")[0].size() {
        Some(n) => n == 0,
        None => truth(condition, condition.outputs[0]) == Some(false),
    }
}

/// Appends the nodes of a graph with these values for its inputs: its results.
fn splice(into: &mut Graph, graph: &Graph, inputs: &[Value]) -> Vec<Value> {
    let mut map: Vec<SmallVec<[Value; 1]>> = vec![];
    for node in &graph.nodes {
        if node.is(&ops::INPUT) {
            map.push(SmallVec::from_elem(inputs[node.attrs.int("index") as usize], 1));
            continue;
        }
        let operands = node.inputs.iter().map(|v| map[v.node as usize][v.output as usize]).collect();
        let at = into.push(Node { inputs: operands, ..node.clone() });
        map.push((0..node.outputs.len() as u32).map(|output| Value { node: at, output }).collect());
    }
    graph.outputs.iter().map(|v| map[v.node as usize][v.output as usize]).collect()
}

/// Drops results, operands and carried values that nobody needs; constants are put where they are used.
pub(super) fn trim(graph: Graph) -> Result<Graph> {
    if !graph.nodes.iter().any(flows) {
        return Ok(graph);
    }
    let mut used: Vec<Vec<bool>> = graph.nodes.iter().map(|n| vec![false; n.outputs.len()]).collect();
    for v in graph.nodes.iter().flat_map(|n| &n.inputs).chain(&graph.outputs) {
        used[v.node as usize][v.output as usize] = true;
    }
    for node in &graph.nodes {
        node.each_sized_by(&graph, &mut |v| used[v.node as usize][v.output as usize] = true);
    }
    let (mut rebuild, nodes) = Rebuild::new(graph);
    for (node, used) in nodes.into_iter().zip(&used) {
        match () {
            () if !flows(&node) => rebuild.copy(node),
            () if node.is(&ops::IF) => trim_if(&mut rebuild, &node, used),
            () => trim_while(&mut rebuild, &node, used),
        }
    }
    Ok(rebuild.finish())
}

/// Appends the node with some of its results, the first of which stand for `given` values instead.
fn keep_some(rebuild: &mut Rebuild, node: Node, results: &[Option<usize>], given: &[Option<Value>]) {
    let at = rebuild.new.push(node);
    let value = |(new, given): (&Option<usize>, &Option<Value>)| {
        given.or(new.map(|output| Value { node: at, output: output as u32 }))
    };
    rebuild.map.push(results.iter().zip(given).map(value).collect());
}

fn trim_if(rebuild: &mut Rebuild, node: &Node, used: &[bool]) {
    let pick = |graph: &Graph| {
        let outputs = graph.outputs.iter().zip(used).filter(|u| *u.1).map(|u| *u.0).collect();
        live(Graph { outputs, ..graph.clone() })
    };
    let (then, otherwise) = (pick(node.attrs.graph("then")), pick(node.attrs.graph("otherwise")));
    let operands = rebuild.operands(node);
    let plan = Inputs::of(&rebuild.new, &operands[1..], &[&then, &otherwise], 0, 0);
    let (then, otherwise) = (plan.apply(&then), plan.apply(&otherwise));
    let kept_used = used[used.len() - node.attrs.int("kept") as usize..].iter().filter(|u| **u).count();
    let attrs = Attrs::new().with("then", then).with("otherwise", otherwise).with("kept", kept_used);
    let mut next = 0;
    let results: Vec<Option<usize>> = used
        .iter()
        .map(|u| {
            u.then(|| {
                next += 1;
                next - 1
            })
        })
        .collect();
    let outputs = node.outputs.iter().zip(used).filter(|u| *u.1).map(|u| u.0.clone()).collect();
    let inputs = std::iter::once(operands[0]).chain(plan.operands(&operands[1..])).collect();
    keep_some(rebuild, Node { inputs, attrs, outputs, ..node.clone() }, &results, &vec![None; used.len()]);
}

fn trim_while(rebuild: &mut Rebuild, node: &Node, used: &[bool]) {
    let (carried, rows) = (node.attrs.int("carried") as usize, node.attrs.int("rows") as usize);
    let (condition, body) = (node.attrs.graph("condition"), node.attrs.graph("body"));
    let operands = rebuild.operands(node);
    let whole = operands.len() - rows;
    // What is never changed is not carried.
    let same = |k: usize| rebuild.new.meta(operands[k]) == &node.outputs[k];
    let steady: Vec<bool> = (0..carried).map(|k| body.outputs[k] == body.inputs[k] && same(k)).collect();
    // Carried values that a result, the condition, an effect or a live value needs.
    let trips = node.attrs.shape("trips")[0].size();
    let condition = &if trips.is_some() { never_asked(condition) } else { (**condition).clone() };
    let asked = needs(condition, &condition.outputs);
    let mut alive: Vec<bool> = (0..carried).map(|k| used[k] || asked[k]).collect();
    loop {
        let results: Vec<Value> = (0..body.outputs.len())
            .filter(|k| if *k < carried { alive[*k] && !steady[*k] } else { used[*k] })
            .map(|k| body.outputs[k])
            .collect();
        let needed = needs(body, &results);
        let next: Vec<bool> = (0..carried).map(|k| alive[k] || needed[k]).collect();
        if next == alive {
            break;
        }
        alive = next;
    }
    let moves = |k: usize| alive[k] && !steady[k];
    let keeps: Vec<bool> =
        (0..body.outputs.len()).map(|k| if k < carried { moves(k) } else { used[k] }).collect();
    // Inputs in their new order: what is carried, what stays (with what is never changed), rows.
    let order: Vec<usize> = (0..carried)
        .filter(|k| moves(*k))
        .chain((0..carried).filter(|k| !moves(*k)))
        .chain(carried..operands.len())
        .collect();
    let outputs = body.outputs.iter().zip(&keeps).filter(|k| *k.1).map(|k| *k.0).collect();
    let body = live(reordered(&Graph { outputs, ..(**body).clone() }, &order));
    let ask: Vec<usize> = order.iter().copied().filter(|k| *k < whole).collect();
    let condition = live(reordered(condition, &ask));
    let moving = (0..carried).filter(|k| moves(*k)).count();
    let sorted: Vec<Value> = order.iter().map(|k| operands[*k]).collect();
    let mut plan = Inputs::of(&rebuild.new, &sorted, &[&condition, &body], moving, rows);
    if trips.is_none() && rows > 0 && plan.rows_left() == 0 {
        // The number of rows is the number of turns.
        plan.plan[operands.len() - rows] = Fate::Keep;
    }
    let (condition, body) = (plan.apply(&condition), plan.apply(&body));
    let kept = node.attrs.int("kept") as usize;
    let attrs = node
        .attrs
        .clone()
        .replaced("condition", condition)
        .replaced("body", body)
        .replaced("carried", moving)
        .replaced("rows", plan.rows_left())
        .replaced("kept", keeps[keeps.len() - kept..].iter().filter(|k| **k).count());
    let mut next = 0;
    let results: Vec<Option<usize>> = keeps
        .iter()
        .map(|k| {
            k.then(|| {
                next += 1;
                next - 1
            })
        })
        .collect();
    let given: Vec<Option<Value>> =
        (0..keeps.len()).map(|k| (k < carried && steady[k]).then(|| operands[k])).collect();
    let outputs = node.outputs.iter().zip(&keeps).filter(|k| *k.1).map(|k| k.0.clone()).collect();
    let inputs = plan.operands(&sorted).collect();
    keep_some(rebuild, Node { inputs, attrs, outputs, ..node.clone() }, &results, &given);
}

/// A condition in place of one that the number of turns answers.
fn never_asked(condition: &Graph) -> Graph {
    let mut made = Graph { outputs: vec![], ..condition.clone() };
    made.nodes.retain(|n| n.is(&ops::INPUT));
    for (k, v) in made.inputs.iter_mut().enumerate() {
        let place = made.nodes.iter().position(|n| n.attrs.int("index") == k as i64);
        v.node = place.unwrap_or(k) as u32;
    }
    let at = condition.node(condition.outputs[0].node).at;
    let node = made.push(Node {
        op: &ops::CONSTANT,
        inputs: SmallVec::new(),
        attrs: Attrs::new().with("value", Scalar::Bool(true).tensor(DType::Bool)),
        outputs: SmallVec::from_elem(condition.meta(condition.outputs[0]).clone(), 1),
        at,
        scope: "",
        backward: false,
    });
    made.outputs.push(Value { node, output: 0 });
    made
}

/// The graph without nodes that nobody needs; inputs stay.
fn live(graph: Graph) -> Graph {
    let needed = needed_nodes(&graph, &graph.outputs);
    let (mut rebuild, nodes) = Rebuild::new(graph);
    for (node, needed) in nodes.into_iter().zip(needed) {
        if needed || node.is(&ops::INPUT) { rebuild.copy(node) } else { rebuild.drop(&node) }
    }
    rebuild.finish()
}

/// The nodes that these values or an effect need.
fn needed_nodes(graph: &Graph, values: &[Value]) -> Vec<bool> {
    let mut needed = vec![false; graph.nodes.len()];
    values.iter().for_each(|v| needed[v.node as usize] = true);
    for (i, node) in graph.nodes.iter().enumerate().rev() {
        needed[i] |= !node.effect().droppable();
        if needed[i] {
            node.inputs.iter().for_each(|v| needed[v.node as usize] = true);
            node.each_sized_by(graph, &mut |v| needed[v.node as usize] = true);
        }
    }
    needed
}

/// The inputs that these values or an effect need.
fn needs(graph: &Graph, values: &[Value]) -> Vec<bool> {
    let needed = needed_nodes(graph, values);
    graph.inputs.iter().map(|v| needed[v.node as usize]).collect()
}

/// The graph with its inputs in another order.
fn reordered(graph: &Graph, order: &[usize]) -> Graph {
    let mut made = graph.clone();
    made.inputs = order.iter().map(|k| graph.inputs[*k]).collect();
    made.input_names = order.iter().map(|k| graph.input_names[*k].clone()).collect();
    for (k, v) in made.inputs.iter().enumerate() {
        let node = &mut made.nodes[v.node as usize];
        node.attrs = std::mem::take(&mut node.attrs).replaced("index", k);
    }
    made
}

/// What becomes of the inputs of the graphs of a node.
struct Inputs {
    plan: Vec<Fate>,
    first_row: usize,
}

enum Fate {
    Keep,
    Drop,
    /// The same as an earlier one.
    Same(usize),
    /// A constant that each graph gets.
    Constant(Box<Node>),
}

impl Inputs {
    /// `fixed` inputs at the front stay whatever they are; of the last `rows` only unused ones go.
    fn of(outer: &Graph, operands: &[Value], graphs: &[&Graph], fixed: usize, rows: usize) -> Inputs {
        let first_row = operands.len() - rows;
        let mut used = vec![false; operands.len()];
        for graph in graphs {
            for v in graph.nodes.iter().flat_map(|n| &n.inputs).chain(&graph.outputs) {
                if let Some(k) = graph.inputs.iter().position(|i| i == v) {
                    used[k] = true;
                }
            }
        }
        let fate = |k: usize| {
            let made = outer.node(operands[k].node);
            let earlier = operands[fixed..k.max(fixed)].iter().position(|v| *v == operands[k]);
            match () {
                () if k < fixed => Fate::Keep,
                () if !used[k] => Fate::Drop,
                () if k >= first_row => Fate::Keep,
                () if made.is(&ops::CONSTANT) => Fate::Constant(Box::new(made.clone())),
                () if earlier.is_some_and(|e| used[fixed + e]) => Fate::Same(fixed + earlier.unwrap_or(0)),
                () => Fate::Keep,
            }
        };
        Inputs { plan: (0..operands.len()).map(fate).collect(), first_row }
    }
    fn rows_left(&self) -> usize {
        self.plan[self.first_row..].iter().filter(|f| matches!(f, Fate::Keep)).count()
    }
    fn operands<'a>(&'a self, operands: &'a [Value]) -> impl Iterator<Item = Value> + 'a {
        operands.iter().zip(&self.plan).filter(|o| matches!(o.1, Fate::Keep)).map(|o| *o.0)
    }
    fn apply(&self, graph: &Graph) -> Graph {
        let mut made = Graph { name: graph.name.clone(), ..Graph::default() };
        let mut map: Vec<SmallVec<[Value; 1]>> = vec![];
        let mut places: FxHashMap<usize, Value> = FxHashMap::default();
        // Inputs first: one may stand for another that comes later among the nodes.
        for (k, v) in graph.inputs.iter().enumerate() {
            let node = graph.node(v.node);
            let value = match &self.plan[k] {
                Fate::Drop => continue,
                Fate::Same(earlier) => places[earlier],
                Fate::Constant(constant) => {
                    Value { node: made.push(Node { at: node.at, ..(**constant).clone() }), output: 0 }
                }
                Fate::Keep => {
                    let attrs = node.attrs.clone().replaced("index", made.inputs.len());
                    let value = Value { node: made.push(Node { attrs, ..node.clone() }), output: 0 };
                    made.inputs.push(value);
                    made.input_names.push(graph.input_names[k].clone());
                    value
                }
            };
            places.insert(k, value);
        }
        // A user may stand before the input node.
        let nowhere = Value { node: u32::MAX, output: 0 };
        map.resize(graph.nodes.len(), SmallVec::from_elem(nowhere, 1));
        for (k, v) in graph.inputs.iter().enumerate() {
            map[v.node as usize][0] = places.get(&k).copied().unwrap_or(nowhere);
        }
        for (i, node) in graph.nodes.iter().enumerate().filter(|n| !n.1.is(&ops::INPUT)) {
            let inputs = node.inputs.iter().map(|v| map[v.node as usize][v.output as usize]).collect();
            let at = made.push(Node { inputs, ..node.clone() });
            map[i] = (0..node.outputs.len() as u32).map(|output| Value { node: at, output }).collect();
        }
        made.outputs = graph.outputs.iter().map(|v| map[v.node as usize][v.output as usize]).collect();
        made
    }
}

/// Computes before a loop what every turn would compute again.
pub(super) fn hoist(graph: Graph) -> Result<Graph> {
    if !graph.nodes.iter().any(|n| n.is(&ops::WHILE)) {
        return Ok(graph);
    }
    let (mut rebuild, nodes) = Rebuild::new(graph);
    for node in nodes {
        match node.is(&ops::WHILE) {
            true => hoist_from(&mut rebuild, &node),
            false => rebuild.copy(node),
        }
    }
    Ok(rebuild.finish())
}

fn hoist_from(rebuild: &mut Rebuild, old: &Node) {
    let (node, mut operands) = without_steady_rows(&rebuild.new, old, rebuild.operands(old).to_vec());
    let node = &node;
    let (carried, rows) = (node.attrs.int("carried") as usize, node.attrs.int("rows") as usize);
    let whole = operands.len() - rows;
    let (condition, mut body) = (node.attrs.graph("condition"), (**node.attrs.graph("body")).clone());
    let mut written = vec![];
    node.each_write(&mut |slot| written.push(slot));
    let unwritten =
        |n: &Node| n.is(&ops::READ_VARIABLE) && !written.contains(&(n.attrs.int("slot") as usize));
    // Where each value of the body is outside, if it is the same in each turn.
    let mut outside: Vec<Option<SmallVec<[Value; 1]>>> = vec![];
    let mut moved: Vec<usize> = vec![];
    for (i, inner) in body.nodes.iter().enumerate() {
        let place = if inner.is(&ops::INPUT) {
            let k = inner.attrs.int("index") as usize;
            (k >= carried && k < whole).then(|| SmallVec::from_elem(operands[k], 1))
        } else if unwritten(inner) {
            let at = rebuild.new.push(inner.clone());
            moved.push(i);
            Some(SmallVec::from_elem(Value { node: at, output: 0 }, 1))
        } else if inner.effect() != Effect::Pure || inner.inputs.is_empty() {
            None
        } else {
            // Constants inside have no place outside yet; one that a moved node uses moves with it.
            let ready =
                |v: &Value| outside[v.node as usize].is_some() || body.node(v.node).is(&ops::CONSTANT);
            let depends = inner.inputs.iter().any(|v| outside[v.node as usize].is_some());
            // Sizes that its attributes name must be known there too.
            let mut sized = true;
            inner.each_sized_by(&body, &mut |v| {
                sized &= outside.get(v.node as usize).is_some_and(|o| o.is_some())
            });
            (depends && sized && inner.inputs.iter().all(ready)).then(|| {
                let inputs = inner
                    .inputs
                    .iter()
                    .map(|v| match &outside[v.node as usize] {
                        Some(values) => values[v.output as usize],
                        None => Value { node: rebuild.new.push(body.node(v.node).clone()), output: 0 },
                    })
                    .collect();
                let at = rebuild.new.push(Node { inputs, ..inner.clone() });
                moved.push(i);
                (0..inner.outputs.len() as u32).map(|output| Value { node: at, output }).collect()
            })
        };
        outside.push(place);
    }
    if moved.is_empty() {
        rebuild.keep(Node { inputs: operands.into_iter().collect(), ..node.clone() });
        return;
    }
    // Values that the rest of the body uses become inputs; those used only by moved nodes are gone.
    let mut made = body.clone();
    let mut ask = (**condition).clone();
    let mut replaced: FxHashMap<Value, Value> = FxHashMap::default();
    let stays = |n: usize| !moved.contains(&n);
    let mut wanted: Vec<Value> = vec![];
    for (n, inner) in body.nodes.iter().enumerate().filter(|(n, _)| stays(*n)) {
        let _ = n;
        wanted.extend(inner.inputs.iter().filter(|v| !stays(v.node as usize)));
    }
    wanted.extend(body.outputs.iter().filter(|v| !stays(v.node as usize)));
    wanted.sort_unstable();
    wanted.dedup();
    for (k, v) in wanted.iter().enumerate() {
        let Some(values) = &outside[v.node as usize] else { continue };
        operands.insert(whole + k, values[v.output as usize]);
        let meta = body.meta(*v).clone();
        let at = body.node(v.node).at;
        for graph in [&mut made, &mut ask] {
            insert_input(graph, whole + k, &meta, format!("before_{}_{}", v.node, v.output), at);
        }
        replaced.insert(*v, made.inputs[whole + k]);
    }
    body = ordered(&made, &replaced);
    ask = ordered(&ask, &FxHashMap::default());
    let attrs = node.attrs.clone().replaced("condition", ask).replaced("body", body);
    rebuild.keep(Node { inputs: operands.into_iter().collect(), attrs, ..node.clone() });
}

/// Gives a graph one more input, whose node stands at its end.
fn insert_input(graph: &mut Graph, place: usize, meta: &Meta, name: String, at: Place) {
    let attrs = Attrs::new().with("index", place).with("dtype", meta.dtype).with("shape", &meta.shape);
    let outputs = SmallVec::from_elem(meta.clone(), 1);
    let input =
        Node { op: &ops::INPUT, inputs: SmallVec::new(), attrs, outputs, at, scope: "", backward: false };
    let value = Value { node: graph.push(input), output: 0 };
    graph.inputs.insert(place, value);
    graph.input_names.insert(place, name);
}

/// A loop back takes a row a turn of what a forward loop stacked. Rows that are all the same, because the forward loop never
/// changed them, are operands that stay.
fn without_steady_rows(outer: &Graph, node: &Node, operands: Vec<Value>) -> (Node, Vec<Value>) {
    let rows = node.attrs.int("rows") as usize;
    let whole = operands.len() - rows;
    let mut steady: Vec<(usize, Value)> =
        (whole..operands.len()).filter_map(|k| Some((k, never_changed(outer, operands[k])?))).collect();
    if node.attrs.shape("trips")[0].size().is_none() && steady.len() == rows {
        // The number of rows is the number of turns.
        steady.pop();
    }
    if steady.is_empty() {
        return (node.clone(), operands);
    }
    let moves = |k: &usize| steady.iter().any(|s| s.0 == *k);
    let order: Vec<usize> = (0..whole)
        .chain(steady.iter().map(|s| s.0))
        .chain((whole..operands.len()).filter(|k| !moves(k)))
        .collect();
    let body = reordered(node.attrs.graph("body"), &order);
    let mut condition = (**node.attrs.graph("condition")).clone();
    for (k, (row, _)) in steady.iter().enumerate() {
        let (value, name) = (body.inputs[whole + k], body.input_names[whole + k].clone());
        let meta = body.meta(value).clone();
        insert_input(&mut condition, whole + k, &meta, name, body.node(value.node).at);
        debug_assert_eq!(order[whole + k], *row);
    }
    let condition = ordered(&condition, &FxHashMap::default());
    let value = |k: &usize| steady.iter().find(|s| s.0 == *k).map_or(operands[*k], |s| s.1);
    let sorted = order.iter().map(value).collect();
    let attrs = node
        .attrs
        .clone()
        .replaced("condition", condition)
        .replaced("body", body)
        .replaced("rows", rows - steady.len());
    (Node { attrs, ..node.clone() }, sorted)
}

/// What each row of a stack is, if the loop that stacked it had it as an operand that stays.
fn never_changed(outer: &Graph, stack: Value) -> Option<Value> {
    let made = outer.node(stack.node);
    if !made.is(&ops::WHILE) {
        return None;
    }
    let (carried, rows) = (made.attrs.int("carried") as usize, made.attrs.int("rows") as usize);
    let body = made.attrs.graph("body");
    let given = body.node(body.outputs[stack.output as usize].node);
    let k = given.is(&ops::INPUT).then(|| given.attrs.int("index") as usize)?;
    let stacked = stack.output as usize >= carried;
    (stacked && (carried..made.inputs.len() - rows).contains(&k)).then(|| made.inputs[k])
}

/// The graph with its inputs first, and with other values in place of some; nodes that nobody needs any more are dropped.
fn ordered(graph: &Graph, replaced: &FxHashMap<Value, Value>) -> Graph {
    let mut changed = graph.clone();
    let swap = |v: &mut Value| {
        if let Some(to) = replaced.get(v) {
            *v = *to;
        }
    };
    changed.nodes.iter_mut().flat_map(|n| &mut n.inputs).for_each(swap);
    changed.outputs.iter_mut().for_each(swap);
    let all = reordered(&changed, &(0..changed.inputs.len()).collect::<Vec<_>>());
    let keep = Inputs { plan: all.inputs.iter().map(|_| Fate::Keep).collect(), first_row: all.inputs.len() };
    live(keep.apply(&all))
}
