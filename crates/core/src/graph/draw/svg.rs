//! Writing the picture.

use super::layout::{Layout, inside};
use crate::graph::Graph;
use std::fmt::Write as _;

/// The frames' shades, by depth.
const SHADES: [&str; 4] = ["#f8fafc", "#f1f5f9", "#e2e8f0", "#cbd5e1"];

pub(super) fn draw(graph: &Graph, layout: &Layout) -> String {
    let (w, h) = (layout.width.ceil(), layout.height.ceil());
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" \
         font-family=\"ui-monospace, Menlo, Consolas, monospace\" font-size=\"11\">\n\
         <title>{}</title>\n<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"6\" \
         markerHeight=\"6\" orient=\"auto\"><path d=\"M0 0 L8 4 L0 8 z\" fill=\"#6b7280\"/></marker></defs>\n\
         <rect width=\"{w}\" height=\"{h}\" fill=\"#ffffff\"/>\n",
        escape(&graph.name)
    );
    content(&mut svg, graph, layout);
    svg.push_str("</svg>\n");
    svg
}

/// Scopes, edges and boxes of one graph.
fn content(svg: &mut String, graph: &Graph, layout: &Layout) {
    for (name, depth, b) in &layout.scopes {
        let _ = writeln!(
            svg,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"8\" fill=\"{}\" stroke=\"#94a3b8\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" font-weight=\"bold\" fill=\"#475569\">{}</text>",
            b.x,
            b.y,
            b.w,
            b.h,
            SHADES[(*depth).min(SHADES.len() - 1)],
            b.x + 10.0,
            b.y + 18.0,
            escape(name)
        );
    }
    for (i, node) in graph.nodes.iter().enumerate() {
        for v in &node.inputs {
            let (from, to) = (layout.nodes[v.node as usize], layout.nodes[i]);
            let (x1, y1) = (from.x + from.w / 2.0, from.y + from.h);
            let (x2, y2) = (to.x + to.w / 2.0, to.y - 1.0);
            let bend = ((y2 - y1) / 2.0).clamp(12.0, 80.0);
            let _ = writeln!(
                svg,
                "<path d=\"M{x1:.1} {y1:.1} C{x1:.1} {:.1} {x2:.1} {:.1} {x2:.1} {y2:.1}\" fill=\"none\" \
                 stroke=\"#6b7280\" stroke-opacity=\"0.55\" marker-end=\"url(#tip)\"/>",
                y1 + bend,
                y2 - bend
            );
        }
    }
    for (i, node) in graph.nodes.iter().enumerate() {
        let b = layout.nodes[i];
        let (fill, line) = graph.colours(i);
        let (name, meta) = graph.label(i);
        let middle = b.x + b.w / 2.0;
        let _ = writeln!(
            svg,
            "<g><title>%{i} = {}</title><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"5\" \
             fill=\"{fill}\" stroke=\"{line}\"/><text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\" \
             fill=\"#111827\">{}</text><text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"9.5\" \
             fill=\"#6b7280\">{}</text></g>",
            escape(&node.to_string()),
            b.x,
            b.y,
            b.w,
            b.h,
            b.y + 15.0,
            escape(&name),
            b.y + 28.0,
            escape(&meta)
        );
        for (inner, graph) in inside(node).iter().zip(node.graphs()) {
            let (x, y, frame) = (b.x + inner.x, b.y + inner.y, &inner.layout);
            let _ = writeln!(
                svg,
                "<g transform=\"translate({x:.1} {y:.1})\"><rect width=\"{:.1}\" height=\"{:.1}\" rx=\"8\" \
                 fill=\"{}\" stroke=\"#94a3b8\"/><text x=\"10\" y=\"-4\" font-weight=\"bold\" \
                 fill=\"#475569\">{}</text>",
                frame.width, frame.height, SHADES[0], inner.name
            );
            content(svg, graph, frame);
            svg.push_str("</g>\n");
        }
    }
}

/// Text inside XML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
