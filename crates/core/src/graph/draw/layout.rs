//! Placing boxes: each scope is laid out by itself and then stands as one box in the scope around it.
//!
//! Within a scope, boxes are put in rows by the longest path from a source (Sugiyama's layering), and ordered within a
//! row by the mean position of their producers (the barycentre heuristic), a few sweeps down and up.

use crate::graph::{Graph, Node};
use std::collections::BTreeMap;

/// A rectangle, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Box2 {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) w: f64,
    pub(super) h: f64,
}

/// The picture's geometry.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) nodes: Vec<Box2>,
    /// Name (its last part), depth and rectangle of each scope, outer ones first.
    pub(super) scopes: Vec<(String, usize, Box2)>,
    pub(super) width: f64,
    pub(super) height: f64,
}

const GAP_X: f64 = 24.0;
const GAP_Y: f64 = 36.0;
const MARGIN: f64 = 16.0;
const TITLE: f64 = 20.0;
const NODE_H: f64 = 36.0;
/// Width of a character of the labels' font.
pub(super) const CHARACTER: f64 = 6.6;

/// Where the graphs inside a node begin, below its two lines.
const INSIDE_Y: f64 = NODE_H + TITLE;

/// A graph inside a node's box: its name, place in the box, and layout.
pub(super) struct Inner {
    pub(super) name: &'static str,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) layout: Layout,
}

/// The graphs inside a node, side by side.
pub(super) fn inside(node: &Node) -> Vec<Inner> {
    let mut x = MARGIN;
    let place = |(name, graph): (&'static str, &std::sync::Arc<Graph>)| {
        let inner = Inner { name, x, y: INSIDE_Y, layout: arrange(graph) };
        x += inner.layout.width + MARGIN;
        inner
    };
    node.attrs.graphs().map(place).collect()
}

#[derive(Default)]
struct Scope {
    nodes: Vec<usize>,
    children: BTreeMap<String, Scope>,
}

enum Item {
    Node(usize),
    Scope(String, Layout),
}

/// Places every node and scope of a graph.
pub(super) fn arrange(graph: &Graph) -> Layout {
    let mut root = Scope::default();
    for (i, node) in graph.nodes.iter().enumerate() {
        let mut scope = &mut root;
        for part in node.scope.split('/').filter(|p| !p.is_empty()) {
            scope = scope.children.entry(part.to_string()).or_default();
        }
        scope.nodes.push(i);
    }
    place(graph, root, 0)
}

fn members(scope: &Scope, into: &mut Vec<usize>) {
    into.extend(&scope.nodes);
    scope.children.values().for_each(|c| members(c, into));
}

fn place(graph: &Graph, scope: Scope, depth: usize) -> Layout {
    // Which item of this scope each node belongs to.
    let mut item_of: Vec<Option<usize>> = vec![None; graph.nodes.len()];
    let mut items: Vec<(Item, f64, f64, usize)> = vec![];
    for i in &scope.nodes {
        let (name, meta) = graph.label(*i);
        let width = name.chars().count().max(meta.chars().count()) as f64 * CHARACTER + 16.0;
        item_of[*i] = Some(items.len());
        let inner = inside(&graph.nodes[*i]);
        let right = inner.last().map_or(0.0, |f| f.x + f.layout.width + MARGIN);
        let tallest = inner.iter().map(|f| f.layout.height).fold(0.0, f64::max);
        let height = if inner.is_empty() { NODE_H } else { INSIDE_Y + tallest + MARGIN };
        items.push((Item::Node(*i), width.max(right), height, *i));
    }
    for (name, child) in scope.children {
        let mut inside = vec![];
        members(&child, &mut inside);
        inside.iter().for_each(|i| item_of[*i] = Some(items.len()));
        let first = inside.iter().copied().min().unwrap_or(0);
        let inner = place(graph, child, depth + 1);
        let (w, h) = (inner.width, inner.height);
        items.push((Item::Scope(name, inner), w, h, first));
    }
    let edges = edges(graph, &item_of, &items);
    let rows = order(rows(&edges, &items), &edges, items.len());
    let spots = coordinates(&rows, &items, depth);
    collect(graph, items, &spots, depth)
}

/// Edges between items, from the one that begins first: an edge against that order (two scopes that use each other) does
/// not count for the rows.
fn edges(graph: &Graph, item_of: &[Option<usize>], items: &[(Item, f64, f64, usize)]) -> Vec<(usize, usize)> {
    let mut edges = vec![];
    for (i, node) in graph.nodes.iter().enumerate() {
        for v in &node.inputs {
            if let (Some(a), Some(b)) = (item_of[v.node as usize], item_of[i])
                && a != b
                && items[a].3 < items[b].3
            {
                edges.push((a, b));
            }
        }
    }
    edges.sort_unstable();
    edges.dedup();
    edges
}

fn rows(edges: &[(usize, usize)], items: &[(Item, f64, f64, usize)]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|k| items[*k].3);
    let mut row = vec![0usize; items.len()];
    for a in &order {
        for (_, b) in edges.iter().filter(|e| e.0 == *a) {
            row[*b] = row[*b].max(row[*a] + 1);
        }
    }
    // Sources (arguments, constants, reads) stand just above their first user.
    for a in &order {
        if !edges.iter().any(|e| e.1 == *a)
            && let Some(first) = edges.iter().filter(|e| e.0 == *a).map(|e| row[e.1]).min()
        {
            row[*a] = first.saturating_sub(1);
        }
    }
    let mut rows = vec![vec![]; row.iter().max().map_or(0, |m| m + 1)];
    order.into_iter().for_each(|k| rows[row[k]].push(k));
    rows
}

fn order(mut rows: Vec<Vec<usize>>, edges: &[(usize, usize)], items: usize) -> Vec<Vec<usize>> {
    let mut position = vec![0.0; items];
    let number = |rows: &[Vec<usize>], position: &mut Vec<f64>| {
        for row in rows {
            for (k, item) in row.iter().enumerate() {
                position[*item] = (k as f64 + 0.5) / row.len() as f64;
            }
        }
    };
    number(&rows, &mut position);
    for sweep in 0..6 {
        for r in 0..rows.len() {
            let r = if sweep % 2 == 0 { r } else { rows.len() - 1 - r };
            let centre = |item: usize| {
                let near: Vec<f64> = edges
                    .iter()
                    .filter_map(|(a, b)| match sweep % 2 == 0 {
                        true if *b == item => Some(position[*a]),
                        false if *a == item => Some(position[*b]),
                        _ => None,
                    })
                    .collect();
                if near.is_empty() { position[item] } else { near.iter().sum::<f64>() / near.len() as f64 }
            };
            let mut keyed: Vec<(f64, usize)> = rows[r].iter().map(|i| (centre(*i), *i)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            rows[r] = keyed.into_iter().map(|k| k.1).collect();
            number(&rows, &mut position);
        }
    }
    rows
}

fn coordinates(rows: &[Vec<usize>], items: &[(Item, f64, f64, usize)], depth: usize) -> Vec<Box2> {
    let top = if depth == 0 { MARGIN } else { MARGIN + TITLE };
    let width = |row: &Vec<usize>| row.iter().map(|k| items[*k].1 + GAP_X).sum::<f64>() - GAP_X;
    let widest = rows.iter().map(width).fold(0.0, f64::max);
    let mut spots = vec![Box2::default(); items.len()];
    let mut y = top;
    for row in rows {
        let mut x = MARGIN + (widest - width(row)) / 2.0;
        let tallest = row.iter().map(|k| items[*k].2).fold(0.0, f64::max);
        for k in row {
            let (w, h) = (items[*k].1, items[*k].2);
            spots[*k] = Box2 { x, y: y + (tallest - h) / 2.0, w, h };
            x += w + GAP_X;
        }
        y += tallest + GAP_Y;
    }
    spots
}

fn collect(graph: &Graph, items: Vec<(Item, f64, f64, usize)>, spots: &[Box2], depth: usize) -> Layout {
    let right = spots.iter().map(|b| b.x + b.w).fold(0.0, f64::max);
    let bottom = spots.iter().map(|b| b.y + b.h).fold(0.0, f64::max);
    let mut layout = Layout {
        nodes: vec![Box2::default(); graph.nodes.len()],
        scopes: vec![],
        width: right + MARGIN,
        height: bottom + MARGIN,
    };
    for ((item, ..), spot) in items.into_iter().zip(spots) {
        match item {
            Item::Node(i) => layout.nodes[i] = *spot,
            Item::Scope(name, inner) => {
                let moved = |b: &Box2| Box2 { x: b.x + spot.x, y: b.y + spot.y, ..*b };
                layout.scopes.push((name, depth, *spot));
                layout.scopes.extend(inner.scopes.iter().map(|(n, d, b)| (n.clone(), *d, moved(b))));
                for (to, from) in layout.nodes.iter_mut().zip(&inner.nodes).filter(|(_, f)| f.w > 0.0) {
                    *to = moved(from);
                }
            }
        }
    }
    layout
}
