//! House rules that the compiler does not know: which crate may depend on which, how long a file may be, where
//! `unsafe` may stand, that nothing lies about unreachable, and that the texts point at things that exist.
//!
//! Each rule is a function from the sources to a list of offences, so that a rule can be tried on a bad example too.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A package and the packages of this workspace it may depend on. Edges go down only.
const EDGES: [(&str, &[&str]); 9] = [
    ("tenfold-kernels", &[]),
    ("tenfold-macros", &[]),
    ("tenfold-core", &["tenfold-kernels", "tenfold-macros"]),
    ("tenfold-wgpu", &["tenfold-core"]),
    ("tenfold", &["tenfold-core", "tenfold-macros", "tenfold-wgpu"]),
    ("tenfold-testing", &["tenfold", "tenfold-core", "tenfold-macros", "tenfold-wgpu"]),
    ("tenfold-examples", &["tenfold"]),
    ("tenfold-tests", &["tenfold", "tenfold-core", "tenfold-wgpu", "tenfold-testing"]),
    ("benches", &["tenfold"]),
];

/// Outside packages that only one package may depend on, so that the others build without them.
const RESERVED: [(&str, &str); 4] = [
    ("wgpu", "tenfold-wgpu"),
    ("syn", "tenfold-macros"),
    ("quote", "tenfold-macros"),
    ("proc-macro2", "tenfold-macros"),
];

/// The folder of the table of ops.
const OPS: &str = "crates/core/src/ops/";

/// The longest a source file may be.
const LONGEST: usize = 700;

/// Files that may be longer, each with the reason.
const LONG_FILES: [(&str, &str); 0] = [];

/// The only files with `unsafe`, each with the reason. Every block in them has a `// SAFETY:` line (clippy sees to it).
const UNSAFE_FILES: &[(&str, &str)] = &[
    ("benches/peers/gemm/src/main.rs", "a peer's own interface is unsafe"),
    ("benches/src/limits.rs", "calls what the machine has the instructions for"),
    ("crates/core/src/buffer.rs", "memory that adopts vectors and is shared by threads"),
    ("crates/core/src/cpu/plan/flow.rs", "two sets of memory for what a loop carries"),
    ("crates/core/src/cpu/plan/packed.rs", "packed matrices lie in the arena from turn to turn"),
    ("crates/core/src/cpu/plan/program.rs", "blocks of one arena as inputs and output of a step"),
    ("crates/core/src/cpu/plan/mod.rs", "a frame, with the addresses of its memory, changes threads"),
    ("crates/core/src/cpu/plan/run.rs", "disjoint parts of one arena handed to kernels"),
    ("crates/core/src/memory.rs", "an allocator of blocks, and advice about their pages"),
    ("crates/core/src/op/cpu.rs", "the macro that clones an element-wise loop for each vector level"),
    ("crates/kernels/src/ahead.rs", "an instruction that asks for memory"),
    ("crates/kernels/src/chain.rs", "blocks through raw pointers, with vector instructions"),
    ("crates/kernels/src/clones.rs", "calls the clone of a loop that the machine has the instructions for"),
    ("crates/kernels/src/conv/direct.rs", "tiles of images and results through raw pointers"),
    ("crates/kernels/src/gemm/block.rs", "tiles of operands and results through raw pointers"),
    ("crates/kernels/src/gemm/engine.rs", "threads write disjoint parts of one output"),
    ("crates/kernels/src/gemm/kernel.rs", "register tiles through raw pointers"),
    ("crates/kernels/src/gemm/lines.rs", "vector instructions and rows through raw pointers"),
    ("crates/kernels/src/gemm/output.rs", "the output as threads share it"),
    ("crates/kernels/src/gemm/series.rs", "threads write disjoint blocks of one matrix"),
    ("crates/kernels/src/gemm/simd.rs", "vector instructions"),
    ("crates/kernels/src/gemm/transpose.rs", "packing through raw pointers"),
    ("crates/kernels/src/parallel.rs", "threads write disjoint pieces of one slice"),
    ("crates/kernels/src/team.rs", "the closure of a region, which its helpers borrow without a lifetime"),
    ("crates/kernels/tests/steady.rs", "an allocator that counts"),
    ("tests/tests/steady.rs", "an allocator that counts"),
    ("crates/wgpu/src/pipeline.rs", "shaders that were validated are compiled without bounds checks"),
    ("tests/tests/turns.rs", "an allocator that counts what it is asked for"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository is there")
}

/// Every file below `folder` whose name ends in one of `endings`, with its path relative to the repository.
/// Build output, version control and recorded data are left out.
fn files(endings: &[&str]) -> BTreeMap<String, String> {
    fn walk(folder: &Path, root: &Path, endings: &[&str], found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).expect("readable folder").flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                let skipped = ["target", ".git", "data"].contains(&name.as_str()) || name.ends_with("-out");
                if !skipped {
                    walk(&path, root, endings, found);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                let relative =
                    path.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
                found.insert(relative, fs::read_to_string(&path).expect("UTF-8 text"));
            }
        }
    }
    let (root, mut found) = (root(), BTreeMap::new());
    walk(&root, &root, endings, &mut found);
    assert!(!found.is_empty(), "no file ends in {endings:?}");
    found
}

/// Sources of the project; texts that must not compile (`tests/ui`) are not held to the rules.
fn sources() -> BTreeMap<String, String> {
    files(&[".rs"]).into_iter().filter(|(path, _)| !path.contains("tests/ui/")).collect()
}

fn no_offences(rule: &str, offences: Vec<String>) {
    assert!(offences.is_empty(), "{rule}:\n  {}", offences.join("\n  "));
}

/// The part of a line before a `//` comment. A `//` inside a string cuts too much, which these rules can bear.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// `(package name, names it depends on)` of a manifest, all kinds of dependency together.
fn manifest(text: &str) -> (String, BTreeSet<String>) {
    let (mut name, mut dependencies, mut section) = (String::new(), BTreeSet::new(), String::new());
    for line in text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()) {
        if let Some(header) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = header.to_owned();
            if let Some((before, dependency)) = header.rsplit_once("dependencies.") {
                assert!(!before.contains("workspace"), "workspace dependencies are one line each");
                dependencies.insert(dependency.trim_matches('"').to_owned());
            }
        } else if let Some((key, value)) = line.split_once('=') {
            let key = key.trim().split('.').next().unwrap_or_default().trim_matches('"');
            if section == "package" && key == "name" {
                name = value.trim().trim_matches('"').to_owned();
            }
            if section.ends_with("dependencies") && !section.starts_with("workspace") {
                dependencies.insert(key.to_owned());
            }
        }
    }
    (name, dependencies)
}

fn edge_offences(name: &str, dependencies: &BTreeSet<String>) -> Vec<String> {
    let Some((_, allowed)) = EDGES.iter().find(|(package, _)| *package == name) else {
        return vec![format!("{name} has no row in EDGES")];
    };
    let mut offences = Vec::new();
    for dependency in dependencies {
        let ours = EDGES.iter().any(|(package, _)| package == dependency);
        if ours && !allowed.contains(&dependency.as_str()) {
            offences.push(format!("{name} must not depend on {dependency}"));
        }
        if let Some((_, owner)) =
            RESERVED.iter().find(|(package, owner)| package == dependency && *owner != name)
        {
            offences.push(format!("{name} must not depend on {dependency}; only {owner} may"));
        }
    }
    offences
}

fn manifests() -> BTreeMap<String, String> {
    let mut all = files(&["Cargo.toml"]);
    all.remove("Cargo.toml").expect("the workspace's manifest");
    // Peers that are crates are workspaces of their own.
    all.retain(|path, _| !path.starts_with("benches/peers/"));
    all
}

#[test]
fn edges_go_down_only() {
    let mut offences = Vec::new();
    let mut seen = BTreeSet::new();
    for text in manifests().values() {
        let (name, dependencies) = manifest(text);
        offences.extend(edge_offences(&name, &dependencies));
        seen.insert(name);
    }
    offences.extend(
        EDGES.iter().filter(|(n, _)| !seen.contains(*n)).map(|(n, _)| format!("there is no package {n}")),
    );
    no_offences("edges between packages", offences);
}

#[test]
fn an_edge_upwards_is_seen() {
    let text = "[package]\nname = \"tenfold-core\"\n[dependencies]\nhalf.workspace = true\n\
                tenfold-wgpu = { workspace = true }\n[target.'cfg(unix)'.dependencies.wgpu]\nversion = \"1\"\n";
    let (name, dependencies) = manifest(text);
    assert_eq!(edge_offences(&name, &dependencies).len(), 2, "{dependencies:?}");
    assert_eq!(edge_offences("tenfold-new", &BTreeSet::new()).len(), 1);
}

#[test]
fn environment_variables_bear_the_projects_name() {
    let named = |line: &&str| {
        let after = ["env::var(\"", "env::var_os(\""].iter().find_map(|call| line.split(call).nth(1));
        after.is_some_and(|name| !name.starts_with("TENFOLD_"))
    };
    let libraries = sources().into_iter().filter(|(path, _)| path.starts_with("crates/"));
    let offences = libraries.flat_map(|(path, text)| {
        text.lines().filter(named).map(|line| format!("{path}: {}", line.trim())).collect::<Vec<_>>()
    });
    no_offences("variables of the environment that a library reads", offences.collect());
}

#[test]
fn every_dependency_has_a_reason() {
    let workspace = files(&["Cargo.toml"]).remove("Cargo.toml").expect("the workspace's manifest");
    let names = workspace.lines().skip_while(|line| *line != "[workspace.dependencies]").skip(1);
    let names = names.take_while(|line| !line.starts_with('[')).filter_map(|line| line.split_once(" = "));
    let names: Vec<&str> = names.map(|(name, _)| name).filter(|name| !name.starts_with("tenfold")).collect();
    assert!(names.contains(&"rayon"), "{names:?}");
    let rfc = fs::read_to_string(root().join("rfcs/0001-architecture.md")).expect("the RFC is there");
    let table = rfc.lines().filter(|line| line.starts_with('|')).collect::<String>();
    let offences = names.into_iter().filter(|name| !table.contains(&format!("`{name}`")));
    no_offences("dependencies that RFC 1 gives no reason for", offences.map(str::to_owned).collect());
}

#[test]
fn every_package_takes_the_workspace_lints() {
    let offences = manifests().into_iter().filter(|(_, text)| !text.contains("[lints]\nworkspace = true"));
    no_offences("packages without `[lints] workspace = true`", offences.map(|(path, _)| path).collect());
}

#[test]
fn no_file_is_too_long() {
    let mut offences = Vec::new();
    for (path, text) in sources() {
        let (lines, excused) = (text.lines().count(), LONG_FILES.iter().any(|(file, _)| *file == path));
        match (lines > LONGEST, excused) {
            (true, false) => offences.push(format!("{path} has {lines} lines, more than {LONGEST}")),
            (false, true) => offences.push(format!("{path} is short enough: take it off LONG_FILES")),
            _ => {}
        }
    }
    no_offences("length of files", offences);
}

/// Whether a line of code opens something unsafe.
fn is_unsafe(line: &str) -> bool {
    let code = code(line);
    let words = ["{", "fn", "impl", "trait", "extern"];
    code.contains("#[unsafe(") || words.iter().any(|word| code.contains(&format!("unsafe {word}")))
}

#[test]
fn unsafe_stands_in_named_files_only() {
    assert!(is_unsafe("    let x = unsafe { *p };") && !is_unsafe("// unsafe { } is not used"));
    let sources = sources();
    let tidy = "tests/tests/tidy.rs";
    let mut offences = Vec::new();
    for (path, text) in sources.iter().filter(|(path, _)| *path != tidy) {
        let named = UNSAFE_FILES.iter().any(|(file, _)| file == path);
        match (text.lines().any(is_unsafe), named) {
            (true, false) => offences.push(format!("{path} has `unsafe` and is not in UNSAFE_FILES")),
            (false, true) => offences.push(format!("{path} has no `unsafe`: take it off UNSAFE_FILES")),
            _ => {}
        }
    }
    for (file, _) in UNSAFE_FILES.iter().filter(|(file, _)| !sources.contains_key(*file)) {
        offences.push(format!("UNSAFE_FILES names {file}, which is not there"));
    }
    for (path, text) in sources.iter().filter(|(path, _)| path.ends_with("src/lib.rs")) {
        let folder = path.trim_end_matches("lib.rs");
        let has_unsafe = UNSAFE_FILES.iter().any(|(file, _)| file.starts_with(folder));
        if !has_unsafe && !text.contains("#![forbid(unsafe_code)]") {
            offences.push(format!("{path} lacks #![forbid(unsafe_code)]"));
        }
    }
    no_offences("unsafe code", offences);
}

/// The files that `mod` lines in `text` (the file at `path`) point at, whichever of the two places they are in.
fn modules(path: &str, text: &str) -> Vec<String> {
    let (folder, stem) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = stem.trim_end_matches(".rs");
    let own =
        ["lib", "main", "mod"].contains(&stem) || folder.ends_with("tests") || folder.ends_with("examples");
    let below = if own { folder.to_owned() } else { format!("{folder}/{stem}") };
    let (mut found, mut given) = (Vec::new(), None);
    for line in text.lines().map(|line| code(line).trim()) {
        if let Some(file) = line.strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]")) {
            given = Some(format!("{folder}/{file}"));
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [.., "mod", name] = words[..]
            && let Some(name) = name.strip_suffix(';')
        {
            match given.take() {
                Some(file) => found.push(file),
                None => found.extend([format!("{below}/{name}.rs"), format!("{below}/{name}/mod.rs")]),
            }
        } else if !line.starts_with("#[") {
            given = None;
        }
    }
    found
}

#[test]
fn every_source_is_reached() {
    let sources = sources();
    let is_start = |path: &String| {
        let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
        let target = ["tests", "benches", "bin"].iter().any(|f| folder.ends_with(f));
        target || ["lib.rs", "main.rs", "build.rs"].contains(&file)
    };
    // The table of ops makes the `mod` lines of its folder; `every_op_file_is_listed` reads it.
    let in_table = |path: &String| path.strip_prefix(OPS).is_some_and(|file| !file.contains('/'));
    let starts = sources.keys().filter(|path| is_start(path) || in_table(path));
    let mut reached: BTreeSet<String> = starts.cloned().collect();
    let mut open: Vec<String> = reached.iter().cloned().collect();
    while let Some(path) = open.pop() {
        for module in modules(&path, &sources[&path]) {
            if sources.contains_key(&module) && reached.insert(module.clone()) {
                open.push(module);
            }
        }
    }
    let offences = sources.keys().filter(|path| !reached.contains(*path));
    no_offences("sources that no `mod` line reaches", offences.cloned().collect());
}

#[test]
fn mod_lines_are_read() {
    let text = "pub mod a;\n#[cfg(test)]\n#[path = \"b_tests.rs\"]\nmod tests;\n// mod c;\nmod d {\n";
    assert_eq!(modules("x/src/lib.rs", text), ["x/src/a.rs", "x/src/a/mod.rs", "x/src/b_tests.rs"]);
    assert_eq!(modules("x/src/y.rs", "pub(crate) mod z;"), ["x/src/y/z.rs", "x/src/y/z/mod.rs"]);
}

/// Whether `text` has `word` with no letter, digit or underscore on either side.
fn has_word(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (text[..at].chars().next_back(), text[at + word.len()..].chars().next());
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

#[test]
fn every_op_file_is_listed() {
    let sources = sources();
    let list = sources.get(&format!("{OPS}mod.rs")).expect("the table of ops");
    let code_of_list: String = list.lines().map(|line| code(line).to_owned() + "\n").collect();
    let offences = sources.keys().filter_map(|path| {
        let stem = path.strip_prefix(OPS)?.strip_suffix(".rs")?.split('/').next()?;
        (stem != "mod" && !has_word(&code_of_list, stem)).then(|| format!("{path} is not in ops/mod.rs"))
    });
    no_offences("ops that the table lacks", offences.collect());
}

/// Things that must not be in sources. They are spelt in two halves so that this file does not hold them.
const FORBIDDEN_CODE: [(&str, &str); 5] =
    [("to", "do!("), ("unimple", "mented!("), ("db", "g!("), ("FIX", "ME"), ("#[ign", "ore")];

/// Things that must not be in any text: places on somebody's machine, hosts of mirrors.
const FORBIDDEN_TEXT: [(&str, &str); 6] = [
    ("/wor", "k/"),
    ("/ro", "ot/"),
    ("/tmp/ba", "sh"),
    ("artifac", "tory"),
    ("index.cra", "tes.io"),
    (".libr", "ary/"),
];

fn words_in<'a>(text: &'a str, words: &'a [(&str, &str)]) -> impl Iterator<Item = (usize, String)> + 'a {
    text.lines().enumerate().flat_map(move |(i, line)| {
        let all = words.iter().map(|(a, b)| format!("{a}{b}"));
        all.filter(move |word| line.contains(word)).map(move |word| (i + 1, word))
    })
}

#[test]
fn no_forbidden_words() {
    assert_eq!(
        words_in("fine\nto\u{64}o!()", &FORBIDDEN_CODE).map(|(line, _)| line).collect::<Vec<_>>(),
        [2]
    );
    let mut offences = Vec::new();
    for (path, text) in sources() {
        offences
            .extend(words_in(&text, &FORBIDDEN_CODE).map(|(line, word)| format!("{path}:{line}: {word}")));
    }
    for (path, text) in files(&[".rs", ".md", ".toml", ".wgsl", ".sh", ".stderr", ".snap", ".ci/run"]) {
        offences
            .extend(words_in(&text, &FORBIDDEN_TEXT).map(|(line, word)| format!("{path}:{line}: {word}")));
    }
    no_offences("words that do not belong here", offences);
}

/// Targets of the links in a Markdown text that point into this repository, without their anchors.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let targets = targets.map(|target| target.split('#').next().unwrap_or_default());
    targets.filter(|target| !target.is_empty() && !target.contains("://") && !target.contains(' ')).collect()
}

#[test]
fn links_between_texts_resolve() {
    assert_eq!(links("[a](b.md#c) [d](https://e) [f](#g)"), ["b.md"]);
    let root = root();
    let mut offences = Vec::new();
    for (path, text) in files(&[".md"]) {
        let folder = root.join(&path).parent().expect("a file has a folder").to_owned();
        let broken = links(&text).into_iter().filter(|target| !folder.join(target).exists());
        offences.extend(broken.map(|target| format!("{path} links to {target}, which is not there")));
    }
    no_offences("broken links", offences);
}

/// Rows of a table of constructs that name no test, or one that is not in its file (a function of Rust, or a file of its own for
/// what must not compile).
fn unshown(table: &str, file: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let rows = table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---")).skip(1);
    rows.filter_map(|row| {
        let last = row.trim_end_matches(['|', ' ']).rsplit(" | ").next().unwrap_or_default();
        let tests: Vec<(&str, &str)> = last
            .split("[`")
            .skip(1)
            .filter_map(|rest| rest.split_once("`](")?.1.split_once(')').map(|(path, _)| (rest, path)))
            .map(|(rest, path)| (rest.split('`').next().unwrap_or_default(), path))
            .collect();
        let shown = |(name, path): &(&str, &str)| match path.contains("/ui/") {
            true => path.ends_with(&format!("/{name}.rs")) && file(path).is_some(),
            false => file(path).is_some_and(|text| text.contains(&format!("#[test]\nfn {name}()"))),
        };
        (tests.is_empty() || !tests.iter().all(shown)).then(|| row.to_owned())
    })
    .collect()
}

#[test]
fn every_construct_names_its_tests() {
    let table =
        "| a | b |\n| --- | --- |\n| x | [`f`](t.rs), [`u`](ui/u.rs) |\n| y | [`g`](t.rs) |\n| z | f |";
    let texts = |path: &str| (path == "t.rs" || path == "/ui/u.rs").then(|| "#[test]\nfn f() {}".to_owned());
    assert_eq!(unshown(&table.replace("ui/u", "/ui/u"), texts).len(), 2);
    let docs = root().join("docs");
    let text = fs::read_to_string(docs.join("autograph.md")).expect("the page is there");
    assert!(text.lines().filter(|line| line.starts_with("| ")).count() > 30, "the table has been lost");
    no_offences(
        "constructs without their tests",
        unshown(&text, |path| fs::read_to_string(docs.join(path)).ok()),
    );
}

/// Whether the package in `folder` has a target of this kind and name: a file, a folder, or an entry of the manifest.
fn has_target(folder: &Path, kind: &str, target: &str) -> bool {
    let place = match kind {
        "example" => "examples",
        "bench" => "benches",
        "bin" => "src/bin",
        _ => "tests",
    };
    let at = folder.join(place);
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    let named = manifest.contains(&format!("[[{kind}]]\nname = \"{target}\""));
    named || at.join(format!("{target}.rs")).exists() || at.join(target).join("main.rs").exists()
}

/// Offences of one `cargo` command line: a package, example, test or bench target that does not exist. Without a
/// package, cargo looks for the target in all of them.
fn command_offences(command: &str, packages: &BTreeMap<String, String>, root: &Path) -> Vec<String> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let value = |flags: &[&str]| words.windows(2).find(|pair| flags.contains(&pair[0])).map(|pair| pair[1]);
    let folders: Vec<PathBuf> = match value(&["-p", "--package"]) {
        None => packages.values().map(|folder| root.join(folder)).collect(),
        Some(package) => match packages.get(package) {
            Some(folder) => vec![root.join(folder)],
            None => return vec![format!("`{command}`: there is no package {package}")],
        },
    };
    let kinds = ["example", "test", "bench", "bin"];
    let asked = kinds.iter().filter_map(|kind| Some((*kind, value(&[&format!("--{kind}")])?)));
    let absent =
        asked.filter(|(kind, target)| !folders.iter().any(|folder| has_target(folder, kind, target)));
    absent.map(|(kind, target)| format!("`{command}`: there is no {kind} {target}")).collect()
}

#[test]
fn commands_in_the_texts_exist() {
    let root = root();
    let packages: BTreeMap<String, String> = manifests()
        .iter()
        .map(|(path, text)| (manifest(text).0, path.trim_end_matches("/Cargo.toml").to_owned()))
        .collect();
    assert_eq!(command_offences("cargo run -p tenfold-nowhere", &packages, &root).len(), 1);
    assert_eq!(
        command_offences("cargo run -p tenfold-examples --example nothing", &packages, &root).len(),
        1
    );
    let mut offences = Vec::new();
    for (path, text) in files(&[".md"]) {
        let commands = text.lines().filter_map(|line| {
            let start = line
                .find("cargo run")
                .or_else(|| line.find("cargo test"))
                .or_else(|| line.find("cargo bench"))?;
            Some(line[start..].split(['`', '#', '|', ';']).next().unwrap_or_default())
        });
        offences.extend(
            commands.flat_map(|c| command_offences(c, &packages, &root)).map(|o| format!("{path}: {o}")),
        );
    }
    no_offences("commands that cannot work", offences);
}
