//! A generator of programs: each is Rust that compiles, that ends, and whose numbers stay small.

use std::fmt::Write;

/// What a variable is.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Type {
    /// A scalar f32.
    F,
    /// A scalar f64.
    D,
    /// A vector of two f32.
    V,
    /// A scalar i32.
    I,
    /// A scalar bool.
    B,
}

use Type::{B, D, F, I, V};

/// The types of a program's results.
const RESULTS: [Type; 5] = [F, V, D, I, B];

/// A loop around the present statement.
struct Loop {
    label: usize,
    /// `break` gives a value.
    value: bool,
}

struct Writer {
    state: u64,
    text: String,
    depth: usize,
    names: usize,
    /// Places that can be read, and whether they can be assigned; innermost block last.
    scopes: Vec<Vec<(Type, String, bool)>>,
    loops: Vec<Loop>,
    /// Statements that may still be written.
    left: usize,
    /// Loops of the host around: their turns multiply.
    unrolled: usize,
}

/// So many programs, and a table of them.
pub fn programs(count: u64, seed: u64) -> String {
    let mut text = String::new();
    for k in 0..count {
        text += &Writer::program(k, seed.wrapping_mul(1_000_003).wrapping_add(k));
    }
    let table: String = (0..count)
        .map(|k| format!("    (\"p{k}\", |x, rows, n, on, w| p{k}(x, rows, n, on, w)),\n"))
        .collect();
    writeln!(text, "pub const PROGRAMS: &[(&str, super::Run)] = &[\n{table}];").expect("a string takes it");
    text
}

impl Writer {
    fn program(k: u64, seed: u64) -> String {
        let mut w = Writer {
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15),
            text: String::new(),
            depth: 0,
            names: 0,
            scopes: vec![vec![]],
            loops: vec![],
            left: 0,
            unrolled: 0,
        };
        w.left = 8 + w.below(12);
        w.line("#[tf::function]");
        w.line(&format!(
            "pub fn p{k}(x: &Tensor, rows: &Tensor, n: &Tensor, on: bool, w: &Variable) -> Vec<Tensor> {{"
        ));
        w.depth += 1;
        w.line("let (x, n) = (x.clone(), n.clone());");
        w.line("let (mut a, mut b) = (&x * 0.5, &x + 0.25);");
        w.line("let mut d = x.cast(tf::f64) * 0.3;");
        w.line("let mut v = rows.gather(&tf::constant(0), 0);");
        w.line("let (mut k, mut m) = (n.clone(), &n + 3);");
        w.line("let mut p = x > 0.0;");
        // Looked at again at the end, whatever becomes of the others.
        w.line("let (a0, v0) = (a.clone(), v.clone());");
        w.line("let mut s = State { h: &x * 1.5, v: rows.gather(&tf::constant(1), 0), c: &n * 2, rest: (&x - 1.0, vec![&x * 2.0]) };");
        let given = [(F, "x"), (I, "n")].map(|(t, name)| (t, name.to_string(), false));
        let own = [
            (F, "a"),
            (F, "b"),
            (D, "d"),
            (V, "v"),
            (I, "k"),
            (I, "m"),
            (B, "p"),
            (F, "s.h"),
            (V, "s.v"),
            (I, "s.c"),
            (F, "s.rest.0"),
            (F, "s.rest.1[0]"),
        ];
        w.scopes[0] = given.into_iter().chain(own.map(|(t, name)| (t, name.to_string(), true))).collect();
        w.statements(true);
        w.line("let f = (&a * &b + (&s.h * &s.rest.0).sin()) + (&s.rest.1[0] + &a0 * 0.3);");
        w.line("let m = (&k + &m * 3 + &s.c) % 101;");
        w.line("vec![f, (&v * &s.v).sin() + v0, &d * 0.5 + a0.cast(tf::f64), m, p]");
        w.depth -= 1;
        w.line("}");
        w.text
    }
    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
    fn fresh(&mut self) -> usize {
        self.names += 1;
        self.names
    }
    fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "{}{line}", "    ".repeat(self.depth));
    }
    /// Places of a type: inner ones hide outer ones of the same name.
    fn places(&self, ty: Type, assignable: bool) -> Vec<String> {
        let mut seen: Vec<&str> = vec![];
        let mut found = vec![];
        for (t, name, mutable) in self.scopes.iter().rev().flat_map(|s| s.iter().rev()) {
            if !seen.contains(&name.as_str()) {
                seen.push(name);
                if *t == ty && (*mutable || !assignable) {
                    found.push(name.clone());
                }
            }
        }
        found
    }
    fn place(&mut self, ty: Type, assignable: bool) -> String {
        let found = self.places(ty, assignable);
        found[self.below(found.len())].clone()
    }
    fn any_type(&mut self) -> Type {
        [F, F, F, V, V, D, I, I, B][self.below(9)]
    }
    fn results(&mut self) -> String {
        let each = RESULTS.map(|t| self.expression(t, 1));
        format!("vec![{}]", each.join(", "))
    }
    /// Something that is a `Tensor`, or an operand for `+` and the others.
    fn operand(&mut self, ty: Type, depth: usize) -> String {
        if depth == 0 || self.one_in(3) {
            format!("&{}", self.place(ty, false))
        } else {
            self.expression(ty, depth)
        }
    }
    /// A tensor of a type.
    fn expression(&mut self, ty: Type, depth: usize) -> String {
        if depth == 0 || self.one_in(5) {
            return format!("{}.clone()", self.place(ty, false));
        }
        if depth > 1 && self.one_in(10) {
            let (c, a, b) =
                (self.condition(1), self.expression(ty, depth - 1), self.expression(ty, depth - 1));
            return format!("(if {c} {{ {a} }} else {{ {b} }})");
        }
        let depth = depth - 1;
        let number = ["0.5", "1.25", "-0.75", "2.0"][self.below(4)];
        match ty {
            F => match self.below(9) {
                0 | 1 => format!("({} + {})", self.operand(F, depth), self.operand(F, depth)),
                2 => format!("({} - {number})", self.operand(F, depth)),
                3 => format!("({} * {number})", self.operand(F, depth)),
                4 => format!("({} * {}).tanh()", self.operand(F, depth), self.operand(F, depth)),
                5 => format!("({}).sum()", self.operand(V, depth)),
                6 => format!("({}).cast(tf::f32)", self.operand(D, depth)),
                7 => format!("({} * w.read()).sin()", self.operand(F, depth)),
                _ => format!("(({}).cast(tf::f32) * 0.125)", self.operand(I, depth)),
            },
            D => match self.below(3) {
                0 => format!("({} + {})", self.operand(D, depth), self.operand(D, depth)),
                1 => format!("({} * {number})", self.operand(D, depth)),
                _ => format!("({}).cast(tf::f64)", self.operand(F, depth)),
            },
            V => match self.below(4) {
                0 => format!("({} + {})", self.operand(V, depth), self.operand(V, depth)),
                1 => format!("({} * {})", self.operand(V, depth), self.operand(F, depth)),
                2 => format!("({} * {number})", self.operand(V, depth)),
                _ => format!("({}).sin()", self.operand(V, depth)),
            },
            I => match self.below(4) {
                0 => format!("(({} + {}) % 17)", self.operand(I, depth), self.operand(I, depth)),
                1 => format!("({} - 3)", self.operand(I, depth)),
                2 => format!("(({} * 5) % 11)", self.operand(I, depth)),
                _ => format!("(({}).tanh() * 8.0).cast(tf::i32)", self.operand(F, depth)),
            },
            B => self.tensor_condition(depth),
        }
    }
    /// A bool tensor.
    fn tensor_condition(&mut self, depth: usize) -> String {
        let compare = ["<", ">", "<=", ">="][self.below(4)];
        match self.below(6) {
            0 => format!("({} {compare} 0.25)", self.place(F, false)),
            1 => format!("({} {compare} {})", self.place(F, false), self.place(F, false)),
            2 => format!("({} % 3 == {})", format_args!("&{}", self.place(I, false)), self.below(3)),
            3 => format!("({} {compare} 2)", self.place(I, false)),
            4 if depth > 0 => format!("!{}", self.tensor_condition(depth - 1)),
            _ => format!("({}.sum() {compare} 0.5)", self.place(V, false)),
        }
    }
    /// A condition, of the host now and then.
    fn condition(&mut self, depth: usize) -> String {
        if self.one_in(12) {
            return "on".into();
        }
        if self.one_in(8) {
            return self.place(B, false);
        }
        if depth > 0 && self.one_in(3) {
            let (a, b) = (self.tensor_condition(1), self.tensor_condition(1));
            return format!("{a} {} {b}", if self.one_in(2) { "&&" } else { "||" });
        }
        self.tensor_condition(1)
    }
    /// The value of an assignment: small, whatever was assigned before.
    fn small(&mut self, ty: Type) -> String {
        let value = self.expression(ty, 2);
        match ty {
            F | D | V if self.one_in(2) => format!("({value}).tanh()"),
            F | D | V => format!("{value} * 0.5"),
            I => format!("{value} % 13"),
            B => value,
        }
    }
    /// A block's statements; `whole` goes on until nothing is left.
    fn statements(&mut self, whole: bool) {
        let mut count = 1 + self.below(3);
        while self.left > 0 && (whole || count > 0) {
            self.left -= 1;
            count = count.saturating_sub(1);
            self.statement();
        }
    }
    fn block(&mut self) {
        self.depth += 1;
        self.scopes.push(vec![]);
        self.statements(false);
        self.scopes.pop();
        self.depth -= 1;
    }
    fn statement(&mut self) {
        let deep = self.depth > 4;
        match self.below(if deep { 9 } else { 24 }) {
            0..=2 => {
                let ty = self.any_type();
                let (place, value) = (self.place(ty, true), self.small(ty));
                self.line(&format!("{place} = {value};"));
            }
            3 => {
                let (place, value) = (self.place(F, true), self.expression(F, 1));
                self.line(&format!("let more = {value};"));
                self.line(&format!("{place} += more;"));
            }
            4 => {
                let (ty, mutable) = (self.any_type(), self.one_in(2));
                // It may hide a variable of the function.
                let name = match self.depth > 1 && self.one_in(3) {
                    true => match ty {
                        F => "a".into(),
                        D => "d".into(),
                        V => "v".into(),
                        I => "k".into(),
                        B => "p".into(),
                    },
                    false => format!("t{}", self.fresh()),
                };
                let value = self.expression(ty, 2);
                self.line(&format!("let {}{name} = {value};", if mutable { "mut " } else { "" }));
                self.declare(ty, name, mutable);
            }
            5 => {
                let (place, a, b) = (self.place(F, true), self.small(F), self.small(V));
                self.line(&format!("({place}, s.v) = ({a}, {b});"));
            }
            6 => self.line("bump(&mut s.h);"),
            7 => self.line("std::mem::swap(&mut b, &mut s.rest.0);"),
            8 => {
                let (value, whole) = (self.small(F), self.one_in(2));
                self.line(&match whole {
                    true => format!("w.assign({value});"),
                    false => format!("w.assign_add({value} * 0.25);"),
                });
            }
            9..=12 => self.if_statement(),
            13 => self.if_value(),
            14 => self.set_later(),
            15 => self.match_statement(),
            16..=18 => self.while_loop(),
            19 | 20 => self.for_loop(),
            21 => self.loop_with_value(),
            22 => self.bare_loop(),
            _ => self.host_loop(),
        }
    }
    fn declare(&mut self, ty: Type, name: String, mutable: bool) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.push((ty, name, mutable));
        }
    }
    /// Leaves a loop or the function, as the last statement of a block.
    fn leave(&mut self) {
        let inner = self.loops.last().map(|l| (l.label, l.value));
        let choice = self.below(6);
        let line = match (inner, choice) {
            (Some((_, false)), 0 | 1) => "break;".into(),
            (Some((_, true)), 0 | 1) => format!("break {};", self.expression(F, 1)),
            (Some(_), 2 | 3) => "continue;".into(),
            (Some(_), 4) => {
                let k = self.below(self.loops.len());
                let (label, value) = (self.loops[k].label, self.loops[k].value);
                match (self.one_in(2), value) {
                    (true, _) => format!("continue 'l{label};"),
                    (false, false) => format!("break 'l{label};"),
                    (false, true) => format!("break 'l{label} {};", self.expression(F, 1)),
                }
            }
            _ => format!("return {};", self.results()),
        };
        self.depth += 1;
        self.line(&line);
        self.depth -= 1;
    }
    fn side(&mut self) {
        self.block();
        let leaves = if self.loops.is_empty() { 6 } else { 3 };
        if self.one_in(leaves) {
            self.leave();
        }
    }
    fn if_statement(&mut self) {
        let c = self.condition(1);
        self.line(&format!("if {c} {{"));
        self.side();
        while self.one_in(4) {
            let c = self.condition(1);
            self.line(&format!("}} else if {c} {{"));
            self.side();
        }
        if self.one_in(2) {
            self.line("} else {");
            self.side();
        }
        self.line("}");
    }
    fn if_value(&mut self) {
        let ty = [F, V, D, I][self.below(4)];
        let (place, c) = (self.place(ty, true), self.condition(1));
        self.line(&format!("{place} = if {c} {{"));
        for middle in [Some("} else {"), None] {
            self.depth += 1;
            self.scopes.push(vec![]);
            self.statements(false);
            let value = self.small(ty);
            self.line(&value);
            self.scopes.pop();
            self.depth -= 1;
            if let Some(middle) = middle {
                self.line(middle);
            }
        }
        self.line("};");
    }
    /// `let y;`, and a value on each way.
    fn set_later(&mut self) {
        let (ty, c, name) = (self.any_type(), self.condition(1), format!("t{}", self.fresh()));
        self.line(&format!("let {name};"));
        self.line(&format!("if {c} {{"));
        for middle in ["} else {", "}"] {
            self.block();
            let value = self.small(ty);
            self.line(&format!("    {name} = {value};"));
            self.line(middle);
        }
        self.declare(ty, name, false);
    }
    fn match_statement(&mut self) {
        let k = self.place(I, false);
        self.line(&format!("match &{k} % 5 {{"));
        self.depth += 1;
        for pattern in ["0 =>", "1 | 3 =>", "_ =>"] {
            self.line(&format!("{pattern} {{"));
            self.side();
            self.line("}");
        }
        self.depth -= 1;
        self.line("}");
    }
    /// A loop's body, behind what makes it end.
    fn turn(&mut self, label: usize, value: bool, items: Vec<(Type, String)>, first: &[String]) {
        self.loops.push(Loop { label, value });
        self.scopes.push(items.into_iter().map(|(t, name)| (t, name, false)).collect());
        self.depth += 1;
        first.iter().for_each(|line| self.line(line));
        self.depth -= 1;
        self.block();
        self.scopes.pop();
        self.loops.pop();
        self.line("}");
    }
    fn label(&mut self) -> (usize, String) {
        let label = self.fresh();
        (label, format!("'l{label}: "))
    }
    fn while_loop(&mut self) {
        let (label, text) = self.label();
        let (limit, c) = (1 + self.below(4), self.tensor_condition(1));
        let more = match self.below(3) {
            0 => String::new(),
            1 => format!(" && {c}"),
            _ => format!(" && !({c})"),
        };
        self.line(&format!("let mut i{label} = tf::constant(0);"));
        self.line(&format!("{text}while i{label} < {limit}{more} {{"));
        self.turn(label, false, vec![(I, format!("i{label}"))], &[format!("i{label} += 1;")]);
    }
    fn for_loop(&mut self) {
        let (label, text) = self.label();
        match self.below(4) {
            0 => {
                self.line(&format!("{text}for r{label} in rows {{"));
                self.turn(label, false, vec![(V, format!("r{label}"))], &[]);
            }
            1 => {
                self.line(&format!("{text}for (i{label}, r{label}) in tf::rows(rows).enumerate() {{"));
                self.turn(label, false, vec![(V, format!("r{label}")), (I, format!("i{label}"))], &[]);
            }
            2 => {
                let k = self.place(I, false);
                self.line(&format!("{text}for i{label} in 0..(&{k} % 4) {{"));
                self.turn(label, false, vec![(I, format!("i{label}"))], &[]);
            }
            _ => {
                let k = self.place(I, false);
                self.line(&format!("{text}for i{label} in (1..(&{k} % 6)).step_by(2).rev() {{"));
                self.turn(label, false, vec![(I, format!("i{label}"))], &[]);
            }
        }
    }
    fn loop_with_value(&mut self) {
        let (label, text) = self.label();
        let (place, value) = (self.place(F, true), self.expression(F, 1));
        self.line(&format!("let mut i{label} = tf::constant(0);"));
        self.line(&format!("{place} = {text}loop {{"));
        let end = format!("if i{label} > {} {{ break {value}; }}", self.below(4));
        self.turn(label, true, vec![(I, format!("i{label}"))], &[format!("i{label} += 1;"), end]);
        self.text.truncate(self.text.trim_end().len());
        self.text += ";\n";
    }
    fn bare_loop(&mut self) {
        let (label, text) = self.label();
        self.line(&format!("let mut i{label} = tf::constant(0);"));
        self.line(&format!("{text}loop {{"));
        let end = format!("if i{label} > {} {{ break; }}", self.below(4));
        self.turn(label, false, vec![(I, format!("i{label}"))], &[format!("i{label} += 1;"), end]);
    }
    fn host_loop(&mut self) {
        if self.unrolled > 0 {
            return self.for_loop();
        }
        let (label, text) = self.label();
        self.unrolled += 1;
        let turns = 2 + self.below(2);
        self.line(&format!("{text}for h{label} in 0..{turns} {{"));
        let use_it = format!("b = &b + h{label} as f64 * 0.125;");
        self.turn(label, false, vec![], &[use_it]);
        self.unrolled -= 1;
    }
}
