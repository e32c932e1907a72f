#!/usr/bin/env python3
"""Writes every mutant that `cargo mutants --list --json` names into one tree, each behind `crate::mutant::is(N)`.

one_tree.py SOURCE DEST mutants.json dropped.json status.json

dropped.json: numbers of those that do not compile (build.py finds them). status.json: what became of each: `in`, `dropped`, or
why it has to be tried alone. Needs tree-sitter and tree-sitter-rust from PyPI. See docs/mutants.md.
"""
import json, sys, re, collections, shutil, os
import tree_sitter, tree_sitter_rust
LANG = tree_sitter.Language(tree_sitter_rust.language())
parser = tree_sitter.Parser(LANG)
SRC, DST, LIST, DROPPED, OUT = sys.argv[1:6]
mutants = json.load(open(LIST))
dropped = set(json.load(open(DROPPED))) if os.path.exists(DROPPED) else set()
status = {}  # id -> 'in' | reason why by hand

def offsets(text):
    lines = text.split('\n'); starts = []; pos = 0
    for l in lines:
        starts.append(pos); pos += len(l.encode()) + 1
    def at(p):
        return starts[p['line']-1] + len(lines[p['line']-1][:p['column']-1].encode())
    return at

def is_(n): return f'crate::mutant::is({n})'

def walk(node):
    stack = [node]
    while stack:
        n = stack.pop(); yield n; stack.extend(reversed(n.children))

def constant(node):
    if FILE.endswith('/crc.rs'): return False
    n = node; child = None
    while n is not None:
        if n.type in ('const_item', 'static_item', 'const_block'): return True
        if n.type == 'array_type': return True
        if n.type == 'array_expression' and child is not None and n.child_by_field_name('length') == child: return True
        if n.type == 'function_item':
            for c in n.children:
                if c.type == 'function_modifiers' and b'const' in c.text: return True
            return False
        child, n = n, n.parent
    return False

class Edit:
    def __init__(s, start, end, kind): s.start, s.end, s.kind, s.ids, s.extra = start, end, kind, [], {}

byfile = collections.defaultdict(list)
for i, m in enumerate(mutants): byfile[m['file']].append((i, m))

shutil.rmtree(os.path.join(DST, 'src'), ignore_errors=True)
shutil.copytree(os.path.join(SRC, 'src'), os.path.join(DST, 'src'))

for file, ms in byfile.items():
    FILE = file
    src = open(os.path.join(SRC, file), 'rb').read()
    at = offsets(src.decode())
    tree = parser.parse(src)
    ops, unary, arms, fields, exact = {}, {}, {}, {}, {}
    for n in walk(tree.root_node):
        if n.type in ('binary_expression', 'compound_assignment_expr'):
            op = n.child_by_field_name('operator'); ops[op.start_byte] = n
        elif n.type == 'unary_expression': unary[n.start_byte] = n
        elif n.type == 'match_arm': arms[n.start_byte] = n
        elif n.type in ('field_initializer', 'shorthand_field_initializer'): fields[n.start_byte] = n
        exact.setdefault((n.start_byte, n.end_byte), n)
    edits = {}
    def edit(start, end, kind):
        k = (start, end, kind)
        if k not in edits: edits[k] = Edit(start, end, kind)
        return edits[k]
    for i, m in ms:
        if i in dropped: status[i] = 'dropped'; continue
        a, b = at(m['span']['start']), at(m['span']['end'])
        g = m['genre']; rep = m['replacement']
        def hand(why): status[i] = why
        if g == 'FnValue':
            n = tree.root_node.descendant_for_byte_range(a, b)
            if constant(n): hand('const'); continue
            e = edit(a, a, 'fn'); e.ids.append((i, rep))
        elif g == 'BinaryOperator':
            n = ops.get(a)
            if n is None: hand('no-binary'); continue
            if constant(n): hand('const'); continue
            if any(c.type == 'let_condition' for c in walk(n)) and src[a:b] in (b'&&', b'||'): hand('let-chain'); continue
            e = edit(n.start_byte, n.end_byte, 'bin'); e.ids.append((i, rep)); e.extra['op'] = (a, b)
        elif g == 'UnaryOperator':
            n = unary.get(a)
            if n is None or constant(n): hand('no-unary/const'); continue
            e = edit(n.start_byte, n.end_byte, 'un'); e.ids.append((i, rep)); e.extra['op'] = (a, b)
        elif g in ('MatchArm', 'MatchArmGuard'):
            if g == 'MatchArm':
                n = arms.get(a)
                if n is None: hand('no-arm'); continue
            else:
                n = tree.root_node.descendant_for_byte_range(a, b)
                while n is not None and n.type != 'match_arm': n = n.parent
                if n is None: hand('no-arm'); continue
            if constant(n): hand('const'); continue
            pat = n.child_by_field_name('pattern'); cond = pat.child_by_field_name('condition')
            if cond is None:
                e = edit(pat.end_byte, pat.end_byte, 'arm'); e.ids.append((i, 'del'))
            else:
                has_let = any(c.type in ('let_condition', 'let_chain') for c in walk(cond))
                if g == 'MatchArmGuard' and has_let: hand('let-guard'); continue
                e = edit(cond.start_byte, cond.end_byte, 'guard'); e.extra['let'] = has_let
                e.ids.append((i, 'del' if g == 'MatchArm' else rep))
        elif g == 'StructField':
            n = fields.get(a)
            if n is None or constant(n): hand('no-field/const'); continue
            base = [c for c in n.parent.children if c.type == 'base_field_initializer']
            if not base: hand('no-base'); continue
            bt = base[0].text.decode().lstrip('.').strip()
            if n.type == 'shorthand_field_initializer':
                e = edit(n.start_byte, n.end_byte, 'short'); name = n.text.decode()
            else:
                name = n.child_by_field_name('field').text.decode(); v = n.child_by_field_name('value')
                e = edit(v.start_byte, v.end_byte, 'field')
            e.ids.append((i, f'({bt}).{name}')); e.extra['name'] = name
        else: hand('genre'); continue
        status[i] = 'in'
    # widest first; at the same place an insertion before, a guard around an operator
    rank = {'fn': 0, 'arm': 0, 'guard': 1, 'field': 1, 'short': 1, 'bin': 2, 'un': 2}
    order = sorted(edits.values(), key=lambda e: (e.start, -(e.end - e.start) if e.end > e.start else -10**9, rank[e.kind]))
    # a tree
    root = []; stack = []
    for e in order:
        e.kids = []
        while stack and not (stack[-1].start <= e.start and e.end <= stack[-1].end and stack[-1].end > stack[-1].start):
            stack.pop()
        (stack[-1].kids if stack else root).append(e)
        if e.end > e.start: stack.append(e)
    raw = lambda a, b: src[a:b].decode()
    def render(a, b, kids):
        out = []; pos = a
        for e in kids:
            out.append(raw(pos, e.start)); out.append(wrap(e)); pos = max(pos, e.end)
        out.append(raw(pos, b)); return ''.join(out)
    def wrap(e):
        inner = render(e.start, e.end, e.kids)
        if e.kind == 'fn':
            return ''.join(f'if {is_(i)} {{ return {r}; /*e{i}*/}} ' for i, r in e.ids)
        if e.kind == 'arm':
            return ' if ' + ' && '.join(f'!{is_(i)}/*e{i}*/' for i, _ in e.ids)
        if e.kind in ('bin', 'un'):
            oa, ob = e.extra['op']
            chain = ''.join(f'if {is_(i)} {{ ({raw(e.start, oa)}{r}{raw(ob, e.end)}) /*e{i}*/}} else ' for i, r in e.ids)
            return f'({chain}{{ ({inner}) }})'
        if e.kind == 'guard':
            dels = ' && '.join(f'!{is_(i)}/*e{i}*/' for i, r in e.ids if r == 'del')
            vals = ''.join(f'if {is_(i)} {{ {r} /*e{i}*/}} else ' for i, r in e.ids if r != 'del')
            if e.extra['let']: return f'{dels} && {inner}'
            body = f'({vals}{{ ({inner}) }})'
            return f'{dels} && {body}' if dels else body
        if e.kind == 'field':
            return ''.join(f'if {is_(i)} {{ {r} /*e{i}*/}} else ' for i, r in e.ids) + f'{{ {inner} }}'
        if e.kind == 'short':
            return f"{e.extra['name']}: " + ''.join(f'if {is_(i)} {{ {r} /*e{i}*/}} else ' for i, r in e.ids) + f'{{ {inner} }}'
    text = render(0, len(src), root)
    if file.endswith('/crc.rs'):
        text = text.replace('const fn tables', 'fn tables').replace('const TABLES: [[u32; 256]; 8] = tables();',
            'static TABLES: std::sync::LazyLock<[[u32; 256]; 8]> = std::sync::LazyLock::new(tables);')
    open(os.path.join(DST, file), 'w').write(text)

lib = os.path.join(DST, 'src/lib.rs')
s = open(lib).read() + '''
#[doc(hidden)]
#[allow(missing_docs, clippy::all)]
pub mod mutant {
    use std::sync::{Mutex, OnceLock, atomic::{AtomicBool, Ordering}};
    use std::{fs::File, io::Write};
    static ACTIVE: OnceLock<usize> = OnceLock::new();
    static TRACE: OnceLock<Option<Mutex<File>>> = OnceLock::new();
    static SEEN: [AtomicBool; 4000] = [const { AtomicBool::new(false) }; 4000];
    pub fn is(n: usize) -> bool {
        let active = *ACTIVE.get_or_init(|| std::env::var("MUTANT").ok().and_then(|n| n.parse().ok()).unwrap_or(usize::MAX));
        if active == usize::MAX && !SEEN[n].swap(true, Ordering::Relaxed) {
            let file = TRACE.get_or_init(|| {
                let path = std::env::var_os("MUTANT_TRACE")?;
                File::options().append(true).create(true).open(path).ok().map(Mutex::new)
            });
            if let Some(file) = file { let _ = writeln!(file.lock().unwrap(), "{n}"); }
        }
        active == n
    }
}
'''
open(lib, 'w').write(s)
json.dump({str(k): v for k, v in status.items()}, open(OUT, 'w'))
print(collections.Counter(status.values()))
