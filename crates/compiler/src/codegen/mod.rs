//! Tree → instructions, one [`Unit`] per block. `flow` then optimises and assembles a unit's instructions.

mod comp;
mod expr;
mod func;
mod pattern;
mod stmt;

use crate::ast::*;
use crate::code::{CodeData, Const, Position, SyntaxWarning, WarningKind, co};
use crate::error::{CompileError, ErrorKind, Result};
use crate::ir::{self, Ins, NO_LABEL, NO_LOC, Op};
use crate::opcode::op;
use crate::symtable::{BlockKind, CompKind, ScopeId, Src, Symbol, SymbolTable, Where, def, mangle};
use crate::{Mode, Options};
use rustc_hash::{FxHashMap, FxHashSet};

/// A jump target.
pub type Label = u32;

/// Beyond this many items a display is built piecewise, to keep stacks small.
const STACK_USE_GUIDELINE: usize = 30;

/// Kind of a unit, finer than a block's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnitKind {
    Module,
    Class,
    Function,
    AsyncFunction,
    Lambda,
    Comprehension,
    Annotations,
    TypeParams,
}

/// Names numbered in order of first use.
#[derive(Default)]
pub struct NameTable {
    pub index: FxHashMap<Ident, u32>,
    pub list: Vec<Ident>,
}

impl NameTable {
    fn add(&mut self, n: &Ident) -> u32 {
        if let Some(i) = self.index.get(n) {
            return *i;
        }
        let i = self.list.len() as u32;
        self.index.insert(n.clone(), i);
        self.list.push(n.clone());
        i
    }
    /// Number of a name.
    pub fn get(&self, n: &str) -> Option<u32> {
        self.index.get(n).copied()
    }
}

/// A construct that `break`, `continue` and `return` must unwind.
#[derive(Clone)]
enum FBlock<'a> {
    While { start: Label, end: Label },
    For { start: Label, end: Label },
    Try,
    FinallyTry { body: &'a [Stmt] },
    FinallyEnd,
    With { is_async: bool, loc: Loc },
    HandlerCleanup { name: Option<Ident> },
    PopValue,
    ExceptionHandler,
    ExceptionGroupHandler,
    AsyncComprehension,
}

/// An annotation to be compiled into `__annotate__`.
struct Deferred<'a> {
    name: Ident,
    annotation: &'a Expr,
    loc: Loc,
    index: Option<u32>,
}

/// A block being compiled.
pub struct Unit<'a> {
    pub scope: ScopeId,
    pub kind: UnitKind,
    pub name: Ident,
    pub qualname: String,
    private: Option<Ident>,
    pub code: Vec<Ins>,
    pub labels: u32,
    pub consts: Vec<Const>,
    const_index: FxHashMap<Vec<u8>, u32>,
    pub names: NameTable,
    pub varnames: NameTable,
    /// Sorted
    pub cellvars: NameTable,
    /// Sorted
    pub freevars: NameTable,
    /// Locals of inlined comprehensions in a block without fast locals.
    pub hidden: FxHashMap<Ident, bool>,
    pub argcount: u32,
    pub posonlyargcount: u32,
    pub kwonlyargcount: u32,
    pub firstlineno: i32,
    pub docstring: bool,
    fblocks: Vec<FBlock<'a>>,
    in_inlined_comp: u32,
    conditional: u32,
    deferred: Vec<Deferred<'a>>,
    next_conditional: u32,
    static_attributes: FxHashSet<Ident>,
}

/// The compiler.
pub struct Compiler<'a> {
    src: Src<'a>,
    opts: &'a Options,
    table: SymbolTable,
    units: Vec<Unit<'a>>,
    flags: u32,
    future_line: (i32, i32),
    interactive: bool,
    pub warnings: Vec<SyntaxWarning>,
    depth: u32,
}

/// Compiles a tree that `fold` has gone over.
pub fn compile<'a>(
    tree: &'a Mod,
    src: Src<'a>,
    opts: &'a Options,
    flags: u32,
    future_line: (i32, i32),
    warnings: Vec<SyntaxWarning>,
) -> Result<CodeData> {
    let table = crate::symtable::build(tree, src, flags & co::FUTURE_ANNOTATIONS != 0, opts.allow_top_level_await)?;
    let mut c = Compiler {
        src,
        opts,
        table,
        units: Vec::new(),
        flags,
        future_line,
        interactive: matches!(tree, Mod::Interactive { .. }),
        warnings,
        depth: 0,
    };
    let r = c.module(tree);
    let mut warnings = std::mem::take(&mut c.warnings);
    warnings.sort_by_key(|w| (w.lineno, w.offset));
    match r {
        Ok(mut code) => {
            code.warnings = warnings;
            Ok(code)
        }
        Err(mut e) => {
            e.warnings = warnings;
            Err(e)
        }
    }
}

impl<'a> Compiler<'a> {
    fn module(&mut self, tree: &'a Mod) -> Result<CodeData> {
        let scope = self.table.find(tree, crate::symtable::Key::Body).expect("module block");
        self.enter("<module>".into(), UnitKind::Module, scope, 1, None)?;
        match tree {
            Mod::Module { body, .. } => self.module_body(body)?,
            Mod::Interactive { body } => self.module_body(body)?,
            Mod::Expression { body } => {
                self.expr(body)?;
                self.op(NO_LOC, op::RETURN_VALUE);
            }
            Mod::FunctionType { .. } => {
                return Err(CompileError::plain(ErrorKind::Type, "this compiler does not handle FunctionTypes"));
            }
        }
        self.leave(true)
    }

    fn error(&self, loc: Loc, msg: impl Into<String>) -> CompileError {
        self.src.error(loc, msg)
    }

    fn warn(&mut self, loc: Loc, msg: impl Into<String>) {
        let (offset, end_offset) = self.src.char_cols(loc);
        let msg = msg.into();
        // A `finally` body is compiled twice; it warns once.
        if self
            .warnings
            .iter()
            .rev()
            .take(50)
            .any(|w| w.lineno == loc.lineno as u32 && w.offset == offset && w.msg == msg)
        {
            return;
        }
        self.warnings.push(SyntaxWarning {
            kind: WarningKind::Syntax,
            msg,
            lineno: loc.lineno.max(0) as u32,
            offset,
            end_lineno: loc.end_lineno.max(0) as u32,
            end_offset,
        });
    }

    fn future_annotations(&self) -> bool {
        self.flags & co::FUTURE_ANNOTATIONS != 0
    }

    fn u(&mut self) -> &mut Unit<'a> {
        self.units.last_mut().expect("inside a unit")
    }

    fn unit(&self) -> &Unit<'a> {
        self.units.last().expect("inside a unit")
    }

    fn scope(&self) -> &crate::symtable::Scope {
        &self.table.scopes[self.unit().scope]
    }

    fn deeper<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.depth += 1;
        if self.depth > crate::lower::MAX_DEPTH {
            return Err(crate::lower::recursion_error());
        }
        let r = stacker::maybe_grow(96 * 1024, 4 * 1024 * 1024, || f(self));
        self.depth -= 1;
        r
    }

    // ---- units ----

    fn enter(
        &mut self,
        name: Ident,
        kind: UnitKind,
        scope: ScopeId,
        firstlineno: i32,
        qualname: Option<String>,
    ) -> Result<()> {
        let s = &self.table.scopes[scope];
        let mut varnames = NameTable::default();
        for v in &s.varnames {
            varnames.add(v);
        }
        let mut cells: Vec<Ident> = s
            .symbols
            .iter()
            .filter(|(_, y)| y.place == Where::Cell || (y.flags & def::COMP_CELL != 0 && y.place != Where::Free))
            .map(|(n, _)| n.clone())
            .collect();
        cells.sort();
        if s.kind == BlockKind::Class {
            if s.needs_class_closure {
                cells.push("__class__".into());
            }
            if s.needs_classdict {
                cells.push("__classdict__".into());
            }
            if s.has_conditional_annotations {
                cells.push("__conditional_annotations__".into());
            }
        }
        let mut frees: Vec<Ident> = s
            .symbols
            .iter()
            .filter(|(_, y)| y.place == Where::Free || y.flags & def::FREE_CLASS != 0)
            .map(|(n, _)| n.clone())
            .collect();
        frees.sort();
        let mut cellvars = NameTable::default();
        cells.iter().for_each(|c| {
            cellvars.add(c);
        });
        let mut freevars = NameTable::default();
        frees.iter().for_each(|c| {
            freevars.add(c);
        });
        let private = self.units.last().and_then(|u| u.private.clone());
        let unit = Unit {
            scope,
            kind,
            qualname: String::new(),
            name,
            private,
            code: Vec::new(),
            labels: 0,
            consts: Vec::new(),
            const_index: FxHashMap::default(),
            names: NameTable::default(),
            varnames,
            cellvars,
            freevars,
            hidden: FxHashMap::default(),
            argcount: 0,
            posonlyargcount: 0,
            kwonlyargcount: 0,
            firstlineno,
            docstring: false,
            fblocks: Vec::new(),
            in_inlined_comp: 0,
            conditional: 0,
            deferred: Vec::new(),
            next_conditional: 0,
            static_attributes: FxHashSet::default(),
        };
        self.units.push(unit);
        let q = qualname.unwrap_or_else(|| self.qualname());
        self.u().qualname = q;
        let line = if kind == UnitKind::Module { 0 } else { firstlineno };
        let loc = Loc { lineno: line, end_lineno: line, col: 0, end_col: 0 };
        self.op_i(loc, op::RESUME, 0);
        Ok(())
    }

    /// The qualified name of a function that is about to be defined in the current unit.
    fn child_qualname(&self, name: &str) -> String {
        let mut p = self.units.len() - 1;
        if p > 0 && matches!(self.units[p].kind, UnitKind::TypeParams) {
            p -= 1;
        }
        let parent = &self.units[p];
        if p == 0 {
            return name.to_string();
        }
        match parent.kind {
            UnitKind::Function | UnitKind::AsyncFunction | UnitKind::Lambda => {
                format!("{}.<locals>.{}", parent.qualname, name)
            }
            _ => format!("{}.{}", parent.qualname, name),
        }
    }

    fn qualname(&self) -> String {
        let n = self.units.len();
        let u = &self.units[n - 1];
        if n < 2 {
            return u.name.to_string();
        }
        let mut p = n - 2;
        if matches!(self.units[p].kind, UnitKind::TypeParams | UnitKind::Annotations) {
            if p == 0 {
                return u.name.to_string();
            }
            p -= 1;
        }
        let parent = &self.units[p];
        if p == 0 {
            return u.name.to_string();
        }
        if matches!(u.kind, UnitKind::Function | UnitKind::AsyncFunction | UnitKind::Class) {
            let m = mangle(parent.private.as_ref(), &u.name);
            if self.table.scopes[parent.scope].place(&m) == Where::GlobalExplicit {
                return u.name.to_string();
            }
        }
        match parent.kind {
            UnitKind::Function | UnitKind::AsyncFunction | UnitKind::Lambda => {
                format!("{}.<locals>.{}", parent.qualname, u.name)
            }
            _ => format!("{}.{}", parent.qualname, u.name),
        }
    }

    /// Ends a unit: its code. `add_none` returns None at the end of the instructions.
    fn leave(&mut self, add_none: bool) -> Result<CodeData> {
        if add_none {
            let ended = self.unit().code.last().is_some_and(|i| i.op == op::RETURN_VALUE as Op);
            if !ended {
                self.load_const(NO_LOC, Const::None);
                self.op(NO_LOC, op::RETURN_VALUE);
            }
        }
        let flags = self.code_flags();
        let unit = self.units.pop().expect("inside a unit");
        crate::flow::assemble(unit, flags, &self.opts.filename, &self.table)
    }

    fn code_flags(&self) -> u32 {
        let s = self.scope();
        let mut f = 0;
        if s.is_function_like() {
            f |= co::NEWLOCALS | co::OPTIMIZED;
            if s.nested {
                f |= co::NESTED;
            }
            f |= match (s.generator, s.coroutine) {
                (true, false) => co::GENERATOR,
                (false, true) => co::COROUTINE,
                (true, true) => co::ASYNC_GENERATOR,
                _ => 0,
            };
            if s.varargs {
                f |= co::VARARGS;
            }
            if s.varkeywords {
                f |= co::VARKEYWORDS;
            }
            if s.method {
                f |= co::METHOD;
            }
        }
        if self.unit().docstring {
            f |= co::HAS_DOCSTRING;
        }
        f |= self.flags & co::FUTURE_MASK;
        if self.opts.allow_top_level_await && self.unit().kind == UnitKind::Module && s.coroutine {
            f |= co::COROUTINE;
        }
        f
    }

    /// Opens a construct; more than CPython allows inside each other is an error.
    fn push_block(&mut self, loc: Loc, b: FBlock<'a>) -> Result<()> {
        let s = self.scope();
        let generator = s.is_function_like() && (s.generator || s.coroutine);
        if self.unit().fblocks.len() + generator as usize + self.unit().in_inlined_comp as usize >= 21 {
            return Err(self.error(loc, "too many statically nested blocks"));
        }
        self.u().fblocks.push(b);
        Ok(())
    }

    // ---- instructions ----

    fn label(&mut self) -> Label {
        let u = self.u();
        u.labels += 1;
        u.labels - 1
    }

    fn bind(&mut self, l: Label) {
        self.u().code.push(Ins { op: ir::LABEL, arg: l, target: NO_LABEL, loc: NO_LOC });
    }

    fn emit(&mut self, loc: Loc, o: Op, arg: u32, target: u32) {
        self.u().code.push(Ins { op: o, arg, target, loc });
    }

    /// `not` after `is` or `in`: the comparison just emitted gives the opposite.
    fn invert_last(&mut self) {
        if let Some(i) = self.u().code.last_mut() {
            i.arg ^= 1;
        }
    }

    fn op(&mut self, loc: Loc, o: u8) {
        self.emit(loc, o as Op, 0, NO_LABEL);
    }

    fn op_i(&mut self, loc: Loc, o: u8, arg: u32) {
        self.emit(loc, o as Op, arg, NO_LABEL);
    }

    fn pseudo(&mut self, loc: Loc, o: Op) {
        self.emit(loc, o, 0, NO_LABEL);
    }

    fn jump(&mut self, loc: Loc, o: Op, l: Label) {
        self.emit(loc, o, 0, l);
    }

    fn jump_op(&mut self, loc: Loc, o: u8, l: Label) {
        self.emit(loc, o as Op, 0, l);
    }

    fn add_const(&mut self, c: Const) -> u32 {
        let u = self.u();
        if matches!(c, Const::Code(_)) {
            u.consts.push(c);
            return u.consts.len() as u32 - 1;
        }
        let mut key = Vec::new();
        crate::fold::const_key(&c, &mut key);
        if let Some(i) = u.const_index.get(&key) {
            return *i;
        }
        let i = u.consts.len() as u32;
        u.const_index.insert(key, i);
        u.consts.push(c);
        i
    }

    fn load_const(&mut self, loc: Loc, c: Const) {
        if let Const::Int(v @ 0..=255) = c {
            self.op_i(loc, op::LOAD_SMALL_INT, v as u32);
            return;
        }
        let i = self.add_const(c);
        self.op_i(loc, op::LOAD_CONST, i);
    }

    fn load_str(&mut self, loc: Loc, s: &str) {
        self.load_const(loc, Const::Str(s.into()));
    }

    fn none(&mut self, loc: Loc) {
        self.load_const(loc, Const::None);
    }

    fn name_index(&mut self, n: &Ident) -> u32 {
        self.u().names.add(n)
    }

    /// Index of an attribute's or keyword's name, mangled.
    fn mangled_index(&mut self, n: &Ident) -> u32 {
        let m = self.mangle(n);
        self.u().names.add(&m)
    }

    fn mangle(&self, n: &Ident) -> Ident {
        if n.starts_with("__")
            && let Some(set) = &self.scope().mangled_names
            && !set.contains(n)
        {
            return n.clone();
        }
        mangle(self.unit().private.as_ref(), n)
    }

    /// Number of a cell or free variable of the current unit.
    fn cell_index(&self, n: &str) -> Result<u32> {
        let u = self.unit();
        if let Some(i) = u.cellvars.get(n) {
            return Ok(i);
        }
        if let Some(i) = u.freevars.get(n) {
            return Ok(u.cellvars.list.len() as u32 + i);
        }
        Err(CompileError::plain(
            ErrorKind::System,
            format!("compiler: no cell for '{n}' in {} (line {})", u.qualname, u.firstlineno),
        ))
    }

    /// The same for a name that comes from outside: a class may have a cell of that name as well.
    fn free_index(&self, n: &str) -> Result<u32> {
        let u = self.unit();
        match u.freevars.get(n) {
            Some(i) => Ok(u.cellvars.list.len() as u32 + i),
            None => self.cell_index(n),
        }
    }

    /// Loads, stores or deletes a name.
    fn name_op(&mut self, loc: Loc, name: &Ident, ctx: Ctx) -> Result<()> {
        let mangled = self.mangle(name);
        let scope = self.scope();
        let place = scope.place(&mangled);
        let function_like = scope.is_function_like();
        let is_class = scope.kind == BlockKind::Class;
        let sees_class = scope.can_see_class_scope;
        let in_comp = self.unit().in_inlined_comp > 0;
        enum Kind {
            Fast,
            Deref,
            Global,
            Name,
        }
        let kind = match place {
            Where::Free | Where::Cell => Kind::Deref,
            Where::Local if function_like => Kind::Fast,
            Where::Local if self.unit().hidden.get(&mangled) == Some(&true) => Kind::Fast,
            Where::GlobalImplicit if function_like => Kind::Global,
            Where::GlobalExplicit => Kind::Global,
            _ => Kind::Name,
        };
        match kind {
            Kind::Deref => {
                let i = if place == Where::Free { self.free_index(&mangled)? } else { self.cell_index(&mangled)? };
                match ctx {
                    Ctx::Load if is_class && !in_comp => {
                        self.op(loc, op::LOAD_LOCALS);
                        self.op_i(loc, op::LOAD_FROM_DICT_OR_DEREF, i);
                    }
                    Ctx::Load if sees_class => {
                        let d = self.cell_index("__classdict__")?;
                        self.op_i(loc, op::LOAD_DEREF, d);
                        self.op_i(loc, op::LOAD_FROM_DICT_OR_DEREF, i);
                    }
                    Ctx::Load => self.op_i(loc, op::LOAD_DEREF, i),
                    Ctx::Store => self.op_i(loc, op::STORE_DEREF, i),
                    Ctx::Del => self.op_i(loc, op::DELETE_DEREF, i),
                }
            }
            Kind::Fast => {
                let i = self.u().varnames.add(&mangled);
                let o = match ctx {
                    Ctx::Load => op::LOAD_FAST,
                    Ctx::Store => op::STORE_FAST,
                    Ctx::Del => op::DELETE_FAST,
                };
                self.op_i(loc, o, i);
            }
            Kind::Global => {
                let i = self.name_index(&mangled);
                match ctx {
                    Ctx::Load if sees_class && place == Where::GlobalImplicit => {
                        let d = self.cell_index("__classdict__")?;
                        self.op_i(loc, op::LOAD_DEREF, d);
                        self.op_i(loc, op::LOAD_FROM_DICT_OR_GLOBALS, i);
                    }
                    Ctx::Load => self.op_i(loc, op::LOAD_GLOBAL, i << 1),
                    Ctx::Store => self.op_i(loc, op::STORE_GLOBAL, i),
                    Ctx::Del => self.op_i(loc, op::DELETE_GLOBAL, i),
                }
            }
            Kind::Name => {
                let i = self.name_index(&mangled);
                match ctx {
                    Ctx::Load if is_class && in_comp => self.op_i(loc, op::LOAD_GLOBAL, i << 1),
                    Ctx::Load => self.op_i(loc, op::LOAD_NAME, i),
                    Ctx::Store => self.op_i(loc, op::STORE_NAME, i),
                    Ctx::Del => self.op_i(loc, op::DELETE_NAME, i),
                }
            }
        }
        Ok(())
    }

    fn store_name(&mut self, loc: Loc, n: &str) -> Result<()> {
        self.name_op(loc, &n.into(), Ctx::Store)
    }

    fn load_attr(&mut self, loc: Loc, n: &Ident, method: bool) {
        let i = self.mangled_index(n);
        self.op_i(loc, op::LOAD_ATTR, i << 1 | method as u32);
    }

    /// Function object of a code, with the closure it wants; `flags` say what lies on the stack for it.
    fn make_closure(&mut self, loc: Loc, code: CodeData, flags: u32) -> Result<()> {
        let frees: Vec<String> =
            code.localsplus.iter().filter(|(_, k)| k & crate::code::fast::FREE != 0).map(|(n, _)| n.clone()).collect();
        let mut flags = flags;
        if !frees.is_empty() {
            for n in &frees {
                let i = self.cell_index(n)?;
                self.emit(loc, ir::LOAD_CLOSURE, i, NO_LABEL);
            }
            self.op_i(loc, op::BUILD_TUPLE, frees.len() as u32);
            flags |= 8;
        }
        self.load_const(loc, Const::Code(Box::new(code)));
        self.op(loc, op::MAKE_FUNCTION);
        for f in [8, 16, 4, 2, 1] {
            if flags & f != 0 {
                self.op_i(loc, op::SET_FUNCTION_ATTRIBUTE, f);
            }
        }
        Ok(())
    }

    /// Inside a comprehension that was compiled into this unit, some names belong elsewhere for a while.
    fn swap_symbol(&mut self, name: &Ident, s: Symbol) -> Option<Symbol> {
        let scope = self.unit().scope;
        let old = self.table.scopes[scope].symbols.get(name).copied();
        self.table.scopes[scope].symbols.set(name, s);
        old
    }

    fn is_async_unit(&self) -> bool {
        match self.unit().kind {
            UnitKind::AsyncFunction => true,
            UnitKind::Comprehension => self.scope().coroutine,
            UnitKind::Module => self.top_level_await(),
            _ => false,
        }
    }

    fn top_level_await(&self) -> bool {
        self.opts.allow_top_level_await && self.unit().kind == UnitKind::Module && self.opts.mode != Mode::FuncType
    }
}

/// Place of an instruction in the result.
pub fn position(l: Loc) -> Position {
    Position { line: l.lineno, end_line: l.end_lineno, col: l.col, end_col: l.end_col }
}
