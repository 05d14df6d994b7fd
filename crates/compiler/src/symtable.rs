//! Symbol tables: which names a block binds, and where every name is found.
//!
//! One pass over the tree collects definitions and uses per block ([`Builder`]); a second pass over the blocks, outer to
//! inner, resolves every name to local, cell, free or global ([`Analyzer`]), and merges comprehensions that PEP 709
//! inlines into their parent. Blocks are found again by the address of the node that opened them, so the tree must
//! stay where it is until code generation is done.

use crate::ast::*;
use crate::error::{CompileError, Result};
use crate::source::{LineIndex, char_col};
use rustc_hash::{FxHashMap, FxHashSet};

/// Definition flags of a symbol.
pub mod def {
    pub const GLOBAL: u32 = 1;
    pub const LOCAL: u32 = 2;
    pub const PARAM: u32 = 4;
    pub const NONLOCAL: u32 = 8;
    pub const USE: u32 = 16;
    /// Free variable of a class that is also bound in it.
    pub const FREE_CLASS: u32 = 64;
    pub const IMPORT: u32 = 128;
    pub const ANNOT: u32 = 256;
    /// Iteration variable of a comprehension.
    pub const COMP_ITER: u32 = 512;
    pub const TYPE_PARAM: u32 = 1024;
    /// Cell of an inlined comprehension.
    pub const COMP_CELL: u32 = 2048;
    pub const BOUND: u32 = LOCAL | PARAM | IMPORT | TYPE_PARAM;
}

/// Where a name is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Where {
    Unknown,
    Local,
    GlobalExplicit,
    GlobalImplicit,
    Free,
    Cell,
}

/// Kind of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BlockKind {
    Module,
    Class,
    Function,
    /// `__annotate__`
    Annotation,
    /// Bound, constraints or default of a type parameter
    TypeVariable,
    TypeAlias,
    /// Holds the type parameters of a generic
    TypeParameters,
}

/// Kind of a comprehension's block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CompKind {
    No,
    List,
    Set,
    Dict,
    Generator,
}

/// A symbol of a block.
#[derive(Clone, Copy, Debug)]
pub struct Symbol {
    /// `def` bits
    pub flags: u32,
    /// Resolved place
    pub place: Where,
}

/// Number of a block.
pub type ScopeId = usize;

/// Names in order of first appearance.
#[derive(Default, Debug, Clone)]
pub struct Symbols {
    index: FxHashMap<Ident, usize>,
    list: Vec<(Ident, Symbol)>,
}

impl Symbols {
    pub fn get(&self, name: &str) -> Option<&Symbol> {
        self.index.get(name).map(|i| &self.list[*i].1)
    }
    fn entry(&mut self, name: &Ident) -> &mut Symbol {
        let i = *self.index.entry(name.clone()).or_insert_with(|| {
            self.list.push((name.clone(), Symbol { flags: 0, place: Where::Unknown }));
            self.list.len() - 1
        });
        &mut self.list[i].1
    }
    pub fn set(&mut self, name: &Ident, s: Symbol) {
        *self.entry(name) = s;
    }
    pub fn iter(&self) -> impl Iterator<Item = (&Ident, &Symbol)> {
        self.list.iter().map(|(n, s)| (n, s))
    }
}

/// A block.
#[derive(Debug)]
pub struct Scope {
    pub kind: BlockKind,
    /// What opened it, for `symtable`
    pub name: Ident,
    pub symbols: Symbols,
    /// Parameters in order
    pub varnames: Vec<Ident>,
    pub children: Vec<ScopeId>,
    directives: Vec<(Ident, Loc)>,
    pub annotation_block: Option<ScopeId>,
    /// Names that private mangling applies to; all when there is none
    pub mangled_names: Option<FxHashSet<Ident>>,
    pub nested: bool,
    pub generator: bool,
    pub coroutine: bool,
    pub comprehension: CompKind,
    pub varargs: bool,
    pub varkeywords: bool,
    pub needs_class_closure: bool,
    pub needs_classdict: bool,
    pub can_see_class_scope: bool,
    pub comp_inlined: bool,
    comp_iter_target: bool,
    comp_iter_expr: u32,
    pub has_conditional_annotations: bool,
    in_conditional_block: bool,
    in_unevaluated_annotation: bool,
    pub method: bool,
    /// What a TypeVariable block holds
    type_variable_part: &'static str,
    pub loc: Loc,
}

impl Scope {
    /// Whether locals live in fast slots.
    pub fn is_function_like(&self) -> bool {
        !matches!(self.kind, BlockKind::Module | BlockKind::Class)
    }
    /// Resolved place of a (mangled) name.
    pub fn place(&self, name: &str) -> Where {
        self.symbols.get(name).map_or(Where::Unknown, |s| s.place)
    }
}

/// Which block of a node is meant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Key {
    Body,
    TypeParams,
    Annotations,
    Bound,
    Default,
}

/// All blocks of a tree.
pub struct SymbolTable {
    pub scopes: Vec<Scope>,
    keys: FxHashMap<(usize, Key), ScopeId>,
}

/// Address of a node.
pub fn addr<T>(node: &T) -> usize {
    node as *const T as usize
}

impl SymbolTable {
    /// Block opened by a node.
    pub fn find<T>(&self, node: &T, key: Key) -> Option<ScopeId> {
        self.keys.get(&(addr(node), key)).copied()
    }
}

/// Text and lines of the source, if known: for errors.
#[derive(Clone, Copy)]
pub struct Src<'a>(pub Option<(&'a str, &'a LineIndex)>);

impl Src<'_> {
    /// A SyntaxError at a place.
    pub fn error(&self, loc: Loc, msg: impl Into<String>) -> CompileError {
        let mut e = CompileError::plain(crate::ErrorKind::Syntax, msg);
        e.lineno = loc.lineno.max(0) as u32;
        e.end_lineno = loc.end_lineno.max(0) as u32;
        (e.offset, e.end_offset) = self.char_cols(loc);
        if let Some((text, index)) = self.0
            && loc.lineno > 0
        {
            e.text = Some(index.line_text(text, loc.lineno as usize - 1).to_string());
        }
        e
    }
    /// Columns of a place from 1, in characters when the source is known.
    pub fn char_cols(&self, loc: Loc) -> (u32, u32) {
        let col = |line: i32, col: i32| match self.0 {
            Some((text, index)) if line > 0 => {
                char_col(index.line_text(text, line as usize - 1), col.max(0) as usize) + 1
            }
            _ => (col + 1).max(0) as u32,
        };
        (col(loc.lineno, loc.col), col(loc.end_lineno, loc.end_col))
    }
}

/// `__name` inside a class becomes `_Class__name`.
pub fn mangle(private: Option<&Ident>, name: &Ident) -> Ident {
    let Some(class) = private else { return name.clone() };
    if !name.starts_with("__") || name.ends_with("__") || name.contains('.') {
        return name.clone();
    }
    let class = class.trim_start_matches('_');
    if class.is_empty() {
        return name.clone();
    }
    format!("_{class}{name}").into()
}

/// First pass.
pub struct Builder<'a> {
    src: Src<'a>,
    table: SymbolTable,
    stack: Vec<ScopeId>,
    private: Option<Ident>,
    future_annotations: bool,
    top_level_await: bool,
    depth: u32,
}

/// Builds and resolves the tables of a tree.
pub fn build(tree: &Mod, src: Src<'_>, future_annotations: bool, top_level_await: bool) -> Result<SymbolTable> {
    let mut b = Builder {
        src,
        table: SymbolTable { scopes: Vec::new(), keys: FxHashMap::default() },
        stack: Vec::new(),
        private: None,
        future_annotations,
        top_level_await,
        depth: 0,
    };
    b.enter(BlockKind::Module, (addr(tree), Key::Body), Loc::default());
    match tree {
        Mod::Module { body, .. } | Mod::Interactive { body } => b.stmts(body)?,
        Mod::Expression { body } => b.expr(body)?,
        Mod::FunctionType { .. } => {
            return Err(src.error(Loc::default(), "this compiler does not handle FunctionTypes"));
        }
    }
    b.exit();
    let mut table = b.table;
    Analyzer { scopes: &mut table.scopes, src }.run()?;
    Ok(table)
}

impl Builder<'_> {
    fn cur(&mut self) -> &mut Scope {
        let id = *self.stack.last().expect("inside a block");
        &mut self.table.scopes[id]
    }

    fn error(&self, loc: Loc, msg: impl Into<String>) -> CompileError {
        self.src.error(loc, msg)
    }

    fn new_scope(&mut self, kind: BlockKind, loc: Loc) -> ScopeId {
        let parent = self.stack.last().map(|p| &self.table.scopes[*p]);
        let nested = parent.is_some_and(|p| p.nested || p.is_function_like());
        let comp_iter_expr = parent.map_or(0, |p| p.comp_iter_expr);
        let mangled_names = parent.filter(|_| kind != BlockKind::Class).and_then(|p| p.mangled_names.clone());
        let method = kind == BlockKind::Function && parent.is_some_and(|p| p.kind == BlockKind::Class);
        let name = match kind {
            BlockKind::Module => "top",
            BlockKind::Annotation => "__annotate__",
            _ => "",
        };
        let scope = Scope {
            kind,
            name: name.into(),
            symbols: Symbols::default(),
            varnames: Vec::new(),
            children: Vec::new(),
            directives: Vec::new(),
            annotation_block: None,
            mangled_names,
            nested,
            generator: false,
            coroutine: false,
            comprehension: CompKind::No,
            varargs: false,
            varkeywords: false,
            needs_class_closure: false,
            needs_classdict: false,
            can_see_class_scope: false,
            comp_inlined: false,
            comp_iter_target: false,
            comp_iter_expr,
            has_conditional_annotations: false,
            in_conditional_block: false,
            in_unevaluated_annotation: false,
            method,
            type_variable_part: "a TypeVar bound",
            loc,
        };
        self.table.scopes.push(scope);
        self.table.scopes.len() - 1
    }

    fn enter(&mut self, kind: BlockKind, key: (usize, Key), loc: Loc) {
        let id = self.new_scope(kind, loc);
        self.table.keys.insert(key, id);
        self.enter_existing(id, true);
        if matches!(kind, BlockKind::Annotation | BlockKind::TypeVariable | BlockKind::TypeAlias) {
            self.add_format_param();
        }
    }

    fn add_format_param(&mut self) {
        let name: Ident = ".format".into();
        let s = self.cur();
        s.symbols.entry(&name).flags |= def::PARAM;
        s.varnames.push(name.clone());
        s.symbols.entry(&name).flags |= def::USE;
    }

    fn enter_existing(&mut self, id: ScopeId, adopt: bool) {
        if let Some(p) = self.stack.last()
            && adopt
        {
            let p = *p;
            self.table.scopes[p].children.push(id);
        }
        self.stack.push(id);
    }

    fn exit(&mut self) {
        self.stack.pop();
    }

    fn mangle(&mut self, name: &Ident) -> Ident {
        if !name.starts_with("__") || self.private.is_none() {
            return name.clone();
        }
        let private = self.private.clone();
        if let Some(set) = &self.cur().mangled_names
            && !set.contains(name)
        {
            return name.clone();
        }
        mangle(private.as_ref(), name)
    }

    fn add(&mut self, name: &Ident, flag: u32, loc: Loc) -> Result<()> {
        let id = *self.stack.last().expect("inside a block");
        self.add_to(name, flag, id, loc)
    }

    fn add_to(&mut self, name: &Ident, flag: u32, id: ScopeId, loc: Loc) -> Result<()> {
        let mangled = self.mangle(name);
        let scope = &mut self.table.scopes[id];
        let comp_iter = scope.comp_iter_target;
        let old = scope.symbols.get(&mangled).map_or(0, |s| s.flags);
        if flag & def::PARAM != 0 && old & def::PARAM != 0 {
            return Err(self.error(loc, format!("duplicate argument '{name}' in function definition")));
        }
        if flag & def::TYPE_PARAM != 0 && old & def::TYPE_PARAM != 0 {
            return Err(self.error(loc, format!("duplicate type parameter '{name}'")));
        }
        let mut val = old | flag;
        if comp_iter {
            if val & (def::GLOBAL | def::NONLOCAL) != 0 {
                return Err(self.error(
                    loc,
                    format!("comprehension inner loop cannot rebind assignment expression target '{name}'"),
                ));
            }
            val |= def::COMP_ITER;
        }
        let scope = &mut self.table.scopes[id];
        scope.symbols.entry(&mangled).flags = val;
        if flag & def::PARAM != 0 {
            scope.varnames.push(mangled);
        } else if flag & def::GLOBAL != 0 {
            self.table.scopes[0].symbols.entry(&mangled).flags |= flag;
        }
        Ok(())
    }

    fn use_name(&mut self, name: &str) -> Result<()> {
        self.add(&name.into(), def::USE, Loc::default())
    }

    fn check_store(&self, name: &Ident, ctx: Ctx, loc: Loc) -> Result<()> {
        if &**name == "__debug__" {
            match ctx {
                Ctx::Store => return Err(self.error(loc, "cannot assign to __debug__")),
                Ctx::Del => return Err(self.error(loc, "cannot delete __debug__")),
                Ctx::Load => {}
            }
        }
        Ok(())
    }

    fn deeper<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.depth += 1;
        if self.depth > crate::lower::MAX_DEPTH {
            return Err(crate::lower::recursion_error());
        }
        let r = stacker::maybe_grow(64 * 1024, 4 * 1024 * 1024, || f(self));
        self.depth -= 1;
        r
    }

    fn stmts(&mut self, body: &[Stmt]) -> Result<()> {
        body.iter().try_for_each(|s| self.stmt(s))
    }

    fn exprs(&mut self, list: &[Expr]) -> Result<()> {
        list.iter().try_for_each(|e| self.expr(e))
    }

    fn opt(&mut self, e: &Option<Box<Expr>>) -> Result<()> {
        e.as_ref().map_or(Ok(()), |e| self.expr(e))
    }

    fn conditional(&mut self, f: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let old = std::mem::replace(&mut self.cur().in_conditional_block, true);
        f(self)?;
        self.cur().in_conditional_block = old;
        Ok(())
    }

    fn stmt(&mut self, s: &Stmt) -> Result<()> {
        self.deeper(|b| b.stmt_inner(s))
    }

    fn enter_type_params<T>(
        &mut self,
        node: &T,
        defaults: bool,
        kwdefaults: bool,
        class: bool,
        name: &Ident,
        loc: Loc,
    ) -> Result<()> {
        let in_class = self.cur().kind == BlockKind::Class;
        self.enter(BlockKind::TypeParameters, (addr(node), Key::TypeParams), loc);
        self.cur().name = name.clone();
        if in_class {
            self.cur().can_see_class_scope = true;
            self.use_name("__classdict__")?;
        }
        if class {
            for n in [".type_params", ".generic_base"] {
                self.add(&n.into(), def::LOCAL, loc)?;
                self.use_name(n)?;
            }
        }
        if defaults {
            self.add(&".defaults".into(), def::PARAM, loc)?;
        }
        if kwdefaults {
            self.add(&".kwdefaults".into(), def::PARAM, loc)?;
        }
        Ok(())
    }

    fn stmt_inner(&mut self, s: &Stmt) -> Result<()> {
        match &s.kind {
            StmtKind::FunctionDef(f) => {
                self.check_store(&f.name, Ctx::Store, s.loc)?;
                self.add(&f.name, def::LOCAL, s.loc)?;
                self.exprs(&f.args.defaults)?;
                for d in f.args.kw_defaults.iter().flatten() {
                    self.expr(d)?;
                }
                self.exprs(&f.decorator_list)?;
                let generic = !f.type_params.is_empty();
                if generic {
                    let kwd = f.args.kw_defaults.iter().any(|d| d.is_some());
                    self.enter_type_params(&**f, !f.args.defaults.is_empty(), kwd, false, &f.name, s.loc)?;
                    self.type_params(&f.type_params)?;
                }
                let id = self.new_scope(BlockKind::Function, s.loc);
                self.table.scopes[id].name = f.name.clone();
                self.table.keys.insert((addr(&**f), Key::Body), id);
                self.function_annotations(&f.args, f.returns.as_ref(), id, s.loc)?;
                self.enter_existing(id, true);
                self.arguments(&f.args)?;
                if f.is_async {
                    self.cur().coroutine = true;
                }
                self.stmts(&f.body)?;
                self.exit();
                if generic {
                    self.exit();
                }
            }
            StmtKind::ClassDef(c) => {
                self.check_store(&c.name, Ctx::Store, s.loc)?;
                self.add(&c.name, def::LOCAL, s.loc)?;
                self.exprs(&c.decorator_list)?;
                let old = self.private.clone();
                let generic = !c.type_params.is_empty();
                if generic {
                    self.enter_type_params(&**c, false, false, true, &c.name, s.loc)?;
                    self.private = Some(c.name.clone());
                    self.cur().mangled_names = Some(FxHashSet::default());
                    self.type_params(&c.type_params)?;
                }
                self.exprs(&c.bases)?;
                self.keywords(&c.keywords)?;
                self.enter(BlockKind::Class, (addr(&**c), Key::Body), s.loc);
                self.cur().name = c.name.clone();
                self.private = Some(c.name.clone());
                if generic {
                    self.add(&"__type_params__".into(), def::LOCAL, s.loc)?;
                    self.use_name(".type_params")?;
                }
                self.stmts(&c.body)?;
                self.exit();
                if generic {
                    self.exit();
                }
                self.private = old;
            }
            StmtKind::TypeAlias { name, type_params, value } => {
                self.expr(name)?;
                let ExprKind::Name { id, .. } = &name.kind else {
                    return Err(CompileError::plain(crate::ErrorKind::Type, "TypeAlias with non-Name name"));
                };
                let alias = id.clone();
                let in_class = self.cur().kind == BlockKind::Class;
                let generic = !type_params.is_empty();
                if generic {
                    self.enter_type_params(s, false, false, false, &alias, s.loc)?;
                    self.type_params(type_params)?;
                }
                self.enter(BlockKind::TypeAlias, (addr(s), Key::Body), s.loc);
                self.cur().name = alias;
                if in_class {
                    self.cur().can_see_class_scope = true;
                    self.use_name("__classdict__")?;
                }
                self.expr(value)?;
                self.exit();
                if generic {
                    self.exit();
                }
            }
            StmtKind::Return(v) => self.opt(v)?,
            StmtKind::Delete(t) => self.exprs(t)?,
            StmtKind::Assign { targets, value, .. } => {
                self.exprs(targets)?;
                self.expr(value)?;
            }
            StmtKind::AugAssign { target, value, .. } => {
                self.expr(target)?;
                self.expr(value)?;
            }
            StmtKind::AnnAssign { target, annotation, value, simple } => {
                if let ExprKind::Name { id, .. } = &target.kind {
                    self.check_store(id, Ctx::Store, target.loc)?;
                    let m = self.mangle(id);
                    let at_module = self.stack.len() == 1;
                    let flags = self.cur().symbols.get(&m).map_or(0, |s| s.flags);
                    if *simple && !at_module && flags & (def::GLOBAL | def::NONLOCAL) != 0 {
                        let what = if flags & def::GLOBAL != 0 { "global" } else { "nonlocal" };
                        return Err(self.error(s.loc, format!("annotated name '{id}' can't be {what}")));
                    }
                    if *simple {
                        self.add(id, def::ANNOT | def::LOCAL, target.loc)?;
                    } else if value.is_some() {
                        self.add(id, def::LOCAL, target.loc)?;
                    }
                } else {
                    self.expr(target)?;
                }
                self.annotation(annotation)?;
                self.opt(value)?;
            }
            StmtKind::For { target, iter, body, orelse, .. } => {
                if let StmtKind::For { is_async: true, .. } = &s.kind {
                    self.need_async("for", s.loc)?;
                }
                self.expr(target)?;
                self.expr(iter)?;
                self.conditional(|b| {
                    b.stmts(body)?;
                    b.stmts(orelse)
                })?;
                if let StmtKind::For { is_async: true, .. } = &s.kind {
                    self.mark_top_level_async();
                }
            }
            StmtKind::While { test, body, orelse } => {
                self.expr(test)?;
                self.conditional(|b| {
                    b.stmts(body)?;
                    b.stmts(orelse)
                })?;
            }
            StmtKind::If { test, body, orelse } => {
                self.expr(test)?;
                self.conditional(|b| {
                    b.stmts(body)?;
                    b.stmts(orelse)
                })?;
            }
            StmtKind::With { items, body, is_async, .. } => {
                if *is_async {
                    self.need_async("with", s.loc)?;
                }
                self.conditional(|b| {
                    for i in items {
                        b.expr(&i.context_expr)?;
                        b.opt(&i.optional_vars)?;
                    }
                    b.stmts(body)
                })?;
                if *is_async {
                    self.mark_top_level_async();
                }
            }
            StmtKind::Match { subject, cases } => {
                self.expr(subject)?;
                self.conditional(|b| {
                    for c in cases {
                        b.pattern(&c.pattern)?;
                        b.opt(&c.guard)?;
                        b.stmts(&c.body)?;
                    }
                    Ok(())
                })?;
            }
            StmtKind::Raise { exc, cause } => {
                self.opt(exc)?;
                self.opt(cause)?;
            }
            StmtKind::Try { body, handlers, orelse, finalbody, .. } => self.conditional(|b| {
                b.stmts(body)?;
                for h in handlers {
                    b.opt(&h.typ)?;
                    if let Some(n) = &h.name {
                        b.check_store(n, Ctx::Store, h.loc)?;
                        b.add(n, def::LOCAL, h.loc)?;
                    }
                    b.stmts(&h.body)?;
                }
                b.stmts(orelse)?;
                b.stmts(finalbody)
            })?,
            StmtKind::Assert { test, msg } => {
                self.expr(test)?;
                self.opt(msg)?;
            }
            StmtKind::Import(names) => {
                for a in names {
                    self.alias(a, true)?;
                }
            }
            StmtKind::ImportFrom { names, .. } => {
                for a in names {
                    self.alias(a, false)?;
                }
            }
            StmtKind::Global(names) => self.declare(names, true, s.loc)?,
            StmtKind::Nonlocal(names) => self.declare(names, false, s.loc)?,
            StmtKind::Expr(e) => self.expr(e)?,
            StmtKind::Pass | StmtKind::Break | StmtKind::Continue => {}
        }
        Ok(())
    }

    /// `async for` and `async with` stand in coroutines.
    fn need_async(&mut self, what: &str, loc: Loc) -> Result<()> {
        if self.cur().coroutine || self.top_level_await && self.stack.len() == 1 {
            return Ok(());
        }
        Err(self.error(loc, format!("'async {what}' outside async function")))
    }

    /// `async for`/`async with` at the top level make the module a coroutine (top-level await).
    fn mark_top_level_async(&mut self) {
        if self.cur().kind == BlockKind::Module {
            self.cur().coroutine = true;
        }
    }

    fn declare(&mut self, names: &[Ident], global: bool, loc: Loc) -> Result<()> {
        let what = if global { "global" } else { "nonlocal" };
        for name in names {
            let m = self.mangle(name);
            let flags = self.cur().symbols.get(&m).map_or(0, |s| s.flags);
            if flags & (def::PARAM | def::LOCAL | def::USE | def::ANNOT) != 0 {
                let msg = if flags & def::PARAM != 0 {
                    format!("name '{name}' is parameter and {what}")
                } else if flags & def::USE != 0 {
                    format!("name '{name}' is used prior to {what} declaration")
                } else if flags & def::ANNOT != 0 {
                    format!("annotated name '{name}' can't be {what}")
                } else {
                    format!("name '{name}' is assigned to before {what} declaration")
                };
                return Err(self.error(loc, msg));
            }
            self.add(name, if global { def::GLOBAL } else { def::NONLOCAL }, loc)?;
            self.cur().directives.push((m, loc));
        }
        Ok(())
    }

    fn alias(&mut self, a: &Alias, plain: bool) -> Result<()> {
        let store: Ident = match &a.asname {
            Some(n) => n.clone(),
            None if plain => a.name.split('.').next().unwrap_or(&a.name).into(),
            None => a.name.clone(),
        };
        if &*store == "*" {
            if self.cur().kind != BlockKind::Module {
                return Err(self.error(a.loc, "import * only allowed at module level"));
            }
            return Ok(());
        }
        self.check_store(&store, Ctx::Store, a.loc)?;
        self.add(&store, def::IMPORT | def::LOCAL, a.loc)
    }

    fn type_params(&mut self, params: &[TypeParam]) -> Result<()> {
        let mut seen_default = false;
        for p in params {
            if &*p.name == "__classdict__" {
                return Err(self.error(p.loc, format!("reserved name '{}' cannot be used for type parameter", p.name)));
            }
            self.check_store(&p.name, Ctx::Store, p.loc)?;
            if let Some(set) = &mut self.cur().mangled_names {
                set.insert(p.name.clone());
            }
            self.add(&p.name, def::TYPE_PARAM | def::LOCAL, p.loc)?;
            if let TypeParamKind::TypeVar { bound: Some(e) } = &p.kind {
                self.type_param_part(p, e, Key::Bound)?;
            }
            match &p.default {
                Some(e) => {
                    seen_default = true;
                    self.type_param_part(p, e, Key::Default)?;
                }
                None if seen_default => {
                    return Err(self.error(
                        p.loc,
                        format!("non-default type parameter '{}' follows default type parameter", p.name),
                    ));
                }
                None => {}
            }
        }
        Ok(())
    }

    fn type_param_part(&mut self, p: &TypeParam, e: &Expr, key: Key) -> Result<()> {
        let in_class = self.cur().can_see_class_scope;
        self.enter(BlockKind::TypeVariable, (addr(p), key), p.loc);
        self.cur().name = p.name.clone();
        self.cur().can_see_class_scope = in_class;
        self.cur().type_variable_part = match (&p.kind, key, &e.kind) {
            (TypeParamKind::TypeVar { .. }, Key::Bound, ExprKind::Tuple { .. }) => "a TypeVar constraint",
            (TypeParamKind::TypeVar { .. }, Key::Bound, _) => "a TypeVar bound",
            (TypeParamKind::TypeVar { .. }, ..) => "a TypeVar default",
            (TypeParamKind::ParamSpec, ..) => "a ParamSpec default",
            (TypeParamKind::TypeVarTuple, ..) => "a TypeVarTuple default",
        };
        if in_class {
            self.use_name("__classdict__")?;
        }
        self.expr(e)?;
        self.exit();
        Ok(())
    }

    fn arguments(&mut self, a: &Arguments) -> Result<()> {
        for p in a.posonlyargs.iter().chain(&a.args).chain(&a.kwonlyargs) {
            self.param(p)?;
        }
        if let Some(v) = &a.vararg {
            self.param(v)?;
            self.cur().varargs = true;
        }
        if let Some(v) = &a.kwarg {
            self.param(v)?;
            self.cur().varkeywords = true;
        }
        Ok(())
    }

    fn param(&mut self, p: &Arg) -> Result<()> {
        self.check_store(&p.arg, Ctx::Store, p.loc)?;
        self.add(&p.arg, def::PARAM, p.loc)
    }

    fn function_annotations(
        &mut self,
        a: &Arguments,
        returns: Option<&Expr>,
        function: ScopeId,
        loc: Loc,
    ) -> Result<()> {
        let in_class =
            (self.cur().can_see_class_scope || self.cur().kind == BlockKind::Class) && !self.future_annotations;
        // Under the future import the block only checks what may stand in an annotation.
        let id = self.new_scope(BlockKind::Annotation, loc);
        self.table.keys.insert((addr(a), Key::Annotations), id);
        self.enter_existing(id, !self.future_annotations);
        self.add_format_param();
        self.table.scopes[function].annotation_block = Some(id);
        if in_class {
            self.cur().can_see_class_scope = true;
            self.use_name("__classdict__")?;
        }
        for p in a
            .posonlyargs
            .iter()
            .chain(&a.args)
            .chain(a.vararg.as_deref())
            .chain(&a.kwonlyargs)
            .chain(a.kwarg.as_deref())
        {
            self.opt(&p.annotation)?;
        }
        if let Some(r) = returns {
            self.expr(r)?;
        }
        self.exit();
        Ok(())
    }

    /// The annotation of a variable.
    fn annotation(&mut self, e: &Expr) -> Result<()> {
        let kind = self.cur().kind;
        let unevaluated = kind == BlockKind::Function;
        let module_level = kind == BlockKind::Module;
        let conditional =
            (module_level || (kind == BlockKind::Class && self.cur().in_conditional_block)) && !self.future_annotations;
        if conditional && !self.cur().has_conditional_annotations {
            self.cur().has_conditional_annotations = true;
            self.use_name("__conditional_annotations__")?;
        }
        let in_class = (kind == BlockKind::Class || self.cur().can_see_class_scope) && !self.future_annotations;
        match self.cur().annotation_block {
            None => {
                let parent = *self.stack.last().expect("inside a block");
                let id = self.new_scope(BlockKind::Annotation, e.loc);
                self.table.scopes[parent].annotation_block = Some(id);
                self.enter_existing(id, !self.future_annotations);
                self.add_format_param();
                if in_class {
                    self.cur().can_see_class_scope = true;
                    self.use_name("__classdict__")?;
                }
            }
            Some(id) => self.enter_existing(id, false),
        }
        if conditional && kind == BlockKind::Class {
            self.use_name("__conditional_annotations__")?;
        }
        self.cur().in_unevaluated_annotation = unevaluated;
        let r = self.expr(e);
        self.cur().in_unevaluated_annotation = false;
        self.exit();
        r
    }

    fn keywords(&mut self, list: &[Keyword]) -> Result<()> {
        for k in list {
            if let Some(n) = &k.arg {
                self.check_store(n, Ctx::Store, k.loc)?;
            }
            self.expr(&k.value)?;
        }
        Ok(())
    }

    fn pattern(&mut self, p: &Pattern) -> Result<()> {
        self.deeper(|b| b.pattern_inner(p))
    }

    fn pattern_inner(&mut self, p: &Pattern) -> Result<()> {
        let bind = |b: &mut Self, n: &Option<Ident>| match n {
            Some(n) => {
                b.check_store(n, Ctx::Store, p.loc)?;
                b.add(n, def::LOCAL, p.loc)
            }
            None => Ok(()),
        };
        match &p.kind {
            PatternKind::MatchValue(e) => self.expr(e),
            PatternKind::MatchSingleton(_) => Ok(()),
            PatternKind::MatchSequence(l) | PatternKind::MatchOr(l) => l.iter().try_for_each(|p| self.pattern(p)),
            PatternKind::MatchMapping { keys, patterns, rest } => {
                self.exprs(keys)?;
                patterns.iter().try_for_each(|p| self.pattern(p))?;
                bind(self, rest)
            }
            PatternKind::MatchClass { cls, patterns, kwd_patterns, kwd_attrs } => {
                self.expr(cls)?;
                for n in kwd_attrs {
                    self.check_store(n, Ctx::Store, p.loc)?;
                }
                patterns.iter().try_for_each(|p| self.pattern(p))?;
                kwd_patterns.iter().try_for_each(|p| self.pattern(p))
            }
            PatternKind::MatchStar(n) => bind(self, n),
            PatternKind::MatchAs { pattern, name } => {
                if let Some(p) = pattern {
                    self.pattern(p)?;
                }
                bind(self, name)
            }
        }
    }

    fn expr(&mut self, e: &Expr) -> Result<()> {
        self.deeper(|b| b.expr_inner(e))
    }

    fn refuse_in_annotation(&mut self, what: &str, loc: Loc) -> Result<()> {
        let place = match self.cur().kind {
            BlockKind::Annotation => "an annotation",
            BlockKind::TypeVariable => self.cur().type_variable_part,
            BlockKind::TypeAlias => "a type alias",
            BlockKind::TypeParameters => "the definition of a generic",
            _ => return Ok(()),
        };
        Err(self.error(loc, format!("{what} cannot be used within {place}")))
    }

    fn expr_inner(&mut self, e: &Expr) -> Result<()> {
        match &e.kind {
            ExprKind::BoolOp { values, .. } => self.exprs(values),
            ExprKind::NamedExpr { target, value } => {
                self.refuse_in_annotation("named expression", e.loc)?;
                self.named_expr(e, target)?;
                self.expr(value)?;
                self.expr(target)
            }
            ExprKind::BinOp { left, right, .. } => {
                self.expr(left)?;
                self.expr(right)
            }
            ExprKind::UnaryOp { operand, .. } => self.expr(operand),
            ExprKind::Lambda { args, body } => {
                self.exprs(&args.defaults)?;
                for d in args.kw_defaults.iter().flatten() {
                    self.expr(d)?;
                }
                self.enter(BlockKind::Function, (addr(e), Key::Body), e.loc);
                self.cur().name = "lambda".into();
                self.arguments(args)?;
                self.expr(body)?;
                self.exit();
                Ok(())
            }
            ExprKind::IfExp { test, body, orelse } => {
                self.expr(test)?;
                self.expr(body)?;
                self.expr(orelse)
            }
            ExprKind::Dict { keys, values } => {
                for k in keys.iter().flatten() {
                    self.expr(k)?;
                }
                self.exprs(values)
            }
            ExprKind::Set(l) => self.exprs(l),
            ExprKind::ListComp { elt, generators } => self.comprehension(e, CompKind::List, generators, elt, None),
            ExprKind::SetComp { elt, generators } => self.comprehension(e, CompKind::Set, generators, elt, None),
            ExprKind::DictComp { key, value, generators } => {
                self.comprehension(e, CompKind::Dict, generators, key, Some(value))
            }
            ExprKind::GeneratorExp { elt, generators } => {
                self.comprehension(e, CompKind::Generator, generators, elt, None)
            }
            ExprKind::Await(v) => {
                self.refuse_in_annotation("await expression", e.loc)?;
                let at_top = self.top_level_await && self.stack.len() == 1;
                let s = self.cur();
                if !at_top && !s.is_function_like() {
                    return Err(self.error(e.loc, "'await' outside function"));
                }
                if !at_top && !s.coroutine && s.comprehension == CompKind::No {
                    return Err(self.error(e.loc, "'await' outside async function"));
                }
                self.expr(v)?;
                self.cur().coroutine = true;
                Ok(())
            }
            ExprKind::Yield(v) => {
                self.refuse_in_annotation("yield expression", e.loc)?;
                self.opt(v)?;
                self.yields(e)
            }
            ExprKind::YieldFrom(v) => {
                self.refuse_in_annotation("yield expression", e.loc)?;
                self.expr(v)?;
                self.yields(e)
            }
            ExprKind::Compare { left, comparators, .. } => {
                self.expr(left)?;
                self.exprs(comparators)
            }
            ExprKind::Call { func, args, keywords } => {
                self.expr(func)?;
                self.exprs(args)?;
                self.keywords(keywords)
            }
            ExprKind::FormattedValue { value, format_spec, .. }
            | ExprKind::Interpolation { value, format_spec, .. } => {
                self.expr(value)?;
                self.opt(format_spec)
            }
            ExprKind::JoinedStr(l) | ExprKind::TemplateStr(l) => self.exprs(l),
            ExprKind::Constant { .. } => Ok(()),
            ExprKind::Attribute { value, attr, ctx } => {
                self.check_store(attr, *ctx, e.loc)?;
                self.expr(value)
            }
            ExprKind::Subscript { value, slice, .. } => {
                self.expr(value)?;
                self.expr(slice)
            }
            ExprKind::Starred { value, .. } => self.expr(value),
            ExprKind::Name { id, ctx } => {
                if self.cur().in_unevaluated_annotation {
                    return Ok(());
                }
                self.check_store(id, *ctx, e.loc)?;
                self.add(id, if *ctx == Ctx::Load { def::USE } else { def::LOCAL }, e.loc)?;
                if *ctx == Ctx::Load && &**id == "super" && self.cur().is_function_like() {
                    self.use_name("__class__")?;
                }
                Ok(())
            }
            ExprKind::List { elts, .. } | ExprKind::Tuple { elts, .. } => self.exprs(elts),
            ExprKind::Slice { lower, upper, step } => {
                self.opt(lower)?;
                self.opt(upper)?;
                self.opt(step)
            }
        }
    }

    fn yields(&mut self, e: &Expr) -> Result<()> {
        let scope = self.cur();
        scope.generator = true;
        let what = match scope.comprehension {
            CompKind::No => return Ok(()),
            CompKind::List => "list comprehension",
            CompKind::Set => "set comprehension",
            CompKind::Dict => "dict comprehension",
            CompKind::Generator => "generator expression",
        };
        Err(self.error(e.loc, format!("'yield' inside {what}")))
    }

    fn named_expr(&mut self, e: &Expr, target: &Expr) -> Result<()> {
        if self.cur().comp_iter_expr > 0 {
            return Err(
                self.error(e.loc, "assignment expression cannot be used in a comprehension iterable expression")
            );
        }
        if self.cur().comprehension == CompKind::No {
            return Ok(());
        }
        let ExprKind::Name { id: name, .. } = &target.kind else { return Ok(()) };
        let m = self.mangle(name);
        for i in (0..self.stack.len()).rev() {
            let id = self.stack[i];
            let scope = &self.table.scopes[id];
            if scope.comprehension != CompKind::No {
                let f = scope.symbols.get(&m).map_or(0, |s| s.flags);
                if f & def::COMP_ITER != 0 && f & def::LOCAL != 0 {
                    return Err(self.error(
                        target.loc,
                        format!("assignment expression cannot rebind comprehension iteration variable '{name}'"),
                    ));
                }
                continue;
            }
            match scope.kind {
                BlockKind::Function => {
                    let f = scope.symbols.get(&m).map_or(0, |s| s.flags);
                    self.add(name, if f & def::GLOBAL != 0 { def::GLOBAL } else { def::NONLOCAL }, target.loc)?;
                    self.cur().directives.push((m.clone(), target.loc));
                    return self.add_to(name, def::LOCAL, id, target.loc);
                }
                BlockKind::Module => {
                    self.add(name, def::GLOBAL, target.loc)?;
                    self.cur().directives.push((m.clone(), target.loc));
                    return self.add_to(name, def::GLOBAL, id, target.loc);
                }
                kind => {
                    let place = match kind {
                        BlockKind::Class => "in a class body",
                        BlockKind::TypeParameters => "within the definition of a generic",
                        BlockKind::TypeAlias => "in a type alias",
                        // Always this wording, whatever the part.
                        _ => "in a TypeVar bound",
                    };
                    return Err(self.error(
                        target.loc,
                        format!("assignment expression within a comprehension cannot be used {place}"),
                    ));
                }
            }
        }
        Ok(())
    }

    fn comprehension(
        &mut self,
        e: &Expr,
        kind: CompKind,
        generators: &[Comprehension],
        elt: &Expr,
        value: Option<&Expr>,
    ) -> Result<()> {
        let Some(first) = generators.first() else {
            return Err(CompileError::plain(crate::ErrorKind::Value, "comprehension with no generators"));
        };
        self.cur().comp_iter_expr += 1;
        self.expr(&first.iter)?;
        self.cur().comp_iter_expr -= 1;
        let unevaluated = self.cur().in_unevaluated_annotation;
        let sees_class = self.cur().can_see_class_scope;
        let _ = sees_class;
        self.enter(BlockKind::Function, (addr(e), Key::Body), e.loc);
        let scope = self.cur();
        scope.comprehension = kind;
        scope.name = match kind {
            CompKind::List => "listcomp",
            CompKind::Set => "setcomp",
            CompKind::Dict => "dictcomp",
            _ => "genexpr",
        }
        .into();
        scope.in_unevaluated_annotation = unevaluated;
        if first.is_async {
            scope.coroutine = true;
        }
        self.add(&".0".into(), def::PARAM, e.loc)?;
        self.comp_target(&first.target)?;
        self.exprs(&first.ifs)?;
        for g in &generators[1..] {
            self.comp_target(&g.target)?;
            self.cur().comp_iter_expr += 1;
            self.expr(&g.iter)?;
            self.cur().comp_iter_expr -= 1;
            self.exprs(&g.ifs)?;
            if g.is_async {
                self.cur().coroutine = true;
            }
        }
        if let Some(v) = value {
            self.expr(v)?;
        }
        self.expr(elt)?;
        let scope = self.cur();
        scope.generator = kind == CompKind::Generator;
        let is_async = scope.coroutine && kind != CompKind::Generator;
        self.exit();
        if is_async {
            let top_level_await = self.top_level_await;
            let at_top = self.stack.len() == 1;
            let s = self.cur();
            if !(s.kind == BlockKind::Function && s.coroutine)
                && s.comprehension == CompKind::No
                && !(at_top && top_level_await)
            {
                return Err(self.error(e.loc, "asynchronous comprehension outside of an asynchronous function"));
            }
            self.cur().coroutine = true;
        }
        Ok(())
    }

    fn comp_target(&mut self, t: &Expr) -> Result<()> {
        self.cur().comp_iter_target = true;
        self.expr(t)?;
        self.cur().comp_iter_target = false;
        Ok(())
    }
}

type Set = FxHashSet<Ident>;

/// Second pass.
struct Analyzer<'a> {
    scopes: &'a mut Vec<Scope>,
    src: Src<'a>,
}

const CLASS_CELLS: [&str; 3] = ["__class__", "__classdict__", "__conditional_annotations__"];

impl Analyzer<'_> {
    fn run(&mut self) -> Result<()> {
        let mut free = Set::default();
        self.block(0, None, &mut free, &Set::default(), &Set::default(), None)
    }

    fn directive_error(&self, id: ScopeId, name: &Ident, msg: String) -> CompileError {
        let loc = self.scopes[id].directives.iter().find(|(n, _)| n == name).map_or(self.scopes[id].loc, |d| d.1);
        self.src.error(loc, msg)
    }

    #[allow(clippy::too_many_arguments)]
    fn name(
        &self,
        id: ScopeId,
        name: &Ident,
        flags: u32,
        bound: Option<&mut Set>,
        local: &mut Set,
        free: &mut Set,
        global: &mut Set,
        type_params: &mut Set,
        class_entry: Option<ScopeId>,
    ) -> Result<Where> {
        if flags & def::GLOBAL != 0 {
            if flags & def::NONLOCAL != 0 {
                return Err(self.directive_error(id, name, format!("name '{name}' is nonlocal and global")));
            }
            global.insert(name.clone());
            if let Some(b) = bound {
                b.remove(name);
            }
            return Ok(Where::GlobalExplicit);
        }
        if flags & def::NONLOCAL != 0 {
            let Some(b) = bound else {
                return Err(self.directive_error(id, name, "nonlocal declaration not allowed at module level".into()));
            };
            if !b.contains(name) {
                return Err(self.directive_error(id, name, format!("no binding for nonlocal '{name}' found")));
            }
            if type_params.contains(name) {
                return Err(self.directive_error(
                    id,
                    name,
                    format!("nonlocal binding not allowed for type parameter '{name}'"),
                ));
            }
            free.insert(name.clone());
            return Ok(Where::Free);
        }
        if flags & def::BOUND != 0 {
            local.insert(name.clone());
            global.remove(name);
            if flags & def::TYPE_PARAM != 0 {
                type_params.insert(name.clone());
            } else {
                type_params.remove(name);
            }
            return Ok(Where::Local);
        }
        if let Some(c) = class_entry
            && !CLASS_CELLS[1..].contains(&&**name)
        {
            let f = self.scopes[c].symbols.get(name).map_or(0, |s| s.flags);
            if f & def::GLOBAL != 0 {
                return Ok(Where::GlobalExplicit);
            }
            if f & def::BOUND != 0 && f & def::NONLOCAL == 0 {
                return Ok(Where::GlobalImplicit);
            }
        }
        if let Some(b) = bound
            && b.contains(name)
        {
            free.insert(name.clone());
            return Ok(Where::Free);
        }
        Ok(Where::GlobalImplicit)
    }

    fn block(
        &mut self,
        id: ScopeId,
        bound: Option<&Set>,
        free: &mut Set,
        global: &Set,
        type_params: &Set,
        class_entry: Option<ScopeId>,
    ) -> Result<()> {
        stacker::maybe_grow(64 * 1024, 4 * 1024 * 1024, || {
            self.block_inner(id, bound.cloned(), free, global.clone(), type_params.clone(), class_entry)
        })
    }

    fn block_inner(
        &mut self,
        id: ScopeId,
        mut bound: Option<Set>,
        free: &mut Set,
        mut global: Set,
        mut type_params: Set,
        class_entry: Option<ScopeId>,
    ) -> Result<()> {
        let is_class = self.scopes[id].kind == BlockKind::Class;
        let mut local = Set::default();
        let mut newglobal = Set::default();
        let mut newbound = Set::default();
        if is_class {
            newglobal.clone_from(&global);
            if let Some(b) = &bound {
                newbound.clone_from(b);
            }
        }
        let mut places: Vec<(Ident, Where)> = Vec::with_capacity(self.scopes[id].symbols.list.len());
        let symbols: Vec<(Ident, u32)> = self.scopes[id].symbols.iter().map(|(n, s)| (n.clone(), s.flags)).collect();
        for (n, flags) in symbols {
            let w =
                self.name(id, &n, flags, bound.as_mut(), &mut local, free, &mut global, &mut type_params, class_entry)?;
            places.push((n, w));
        }
        if is_class {
            newbound.extend(CLASS_CELLS.iter().map(|s| Ident::from(*s)));
        } else {
            if let Some(b) = &bound {
                newbound.extend(b.iter().cloned());
            }
            if self.scopes[id].is_function_like() {
                newbound.extend(local.iter().cloned());
            }
            newglobal.clone_from(&global);
        }
        let function_like = self.scopes[id].is_function_like();
        let mut newfree = Set::default();
        let mut inlined_cells = Set::default();
        let mut places: FxHashMap<Ident, Where> = places.into_iter().collect();
        let children = std::mem::take(&mut self.scopes[id].children);
        let mut new_children = Vec::with_capacity(children.len());
        for c in children {
            let entry = &self.scopes[c];
            let class_for_child = match entry.can_see_class_scope {
                true if is_class => Some(id),
                true => class_entry,
                false => None,
            };
            let inline = entry.comprehension != CompKind::No
                && entry.comprehension != CompKind::Generator
                && !self.scopes[id].can_see_class_scope;
            let mut child_free = Set::default();
            self.block(c, Some(&newbound), &mut child_free, &newglobal, &type_params, class_for_child)?;
            if inline {
                self.inline(id, c, &mut places, &mut child_free, &mut inlined_cells);
                self.scopes[c].comp_inlined = true;
                let grand = std::mem::take(&mut self.scopes[c].children);
                new_children.extend(grand.iter().copied());
                self.scopes[c].children = Vec::new();
            } else {
                new_children.push(c);
            }
            newfree.extend(child_free);
        }
        self.scopes[id].children = new_children;
        if function_like {
            for (n, w) in places.iter_mut() {
                if *w == Where::Local && (newfree.contains(n) || inlined_cells.contains(n)) {
                    *w = Where::Cell;
                    newfree.remove(n);
                }
            }
        } else if is_class {
            let s = &mut self.scopes[id];
            s.needs_class_closure |= newfree.remove("__class__");
            s.needs_classdict |= newfree.remove("__classdict__");
            s.has_conditional_annotations |= newfree.remove("__conditional_annotations__");
        }
        let s = &mut self.scopes[id];
        for (n, sym) in s.symbols.list.iter_mut() {
            if let Some(w) = places.get(n) {
                sym.place = *w;
            }
            if inlined_cells.contains(n) {
                sym.flags |= def::COMP_CELL;
            }
        }
        for n in &newfree {
            if s.symbols.get(n).is_some() {
                if is_class || s.can_see_class_scope {
                    s.symbols.entry(n).flags |= def::FREE_CLASS;
                }
                continue;
            }
            if bound.as_ref().is_some_and(|b| b.contains(n)) {
                s.symbols.set(n, Symbol { flags: 0, place: Where::Free });
            }
        }
        free.extend(newfree);
        Ok(())
    }

    /// Merges the symbols of an inlined comprehension.
    fn inline(
        &mut self,
        id: ScopeId,
        comp: ScopeId,
        places: &mut FxHashMap<Ident, Where>,
        comp_free: &mut Set,
        inlined_cells: &mut Set,
    ) {
        let is_class = self.scopes[id].kind == BlockKind::Class;
        let syms: Vec<(Ident, Symbol)> = self.scopes[comp].symbols.iter().map(|(n, s)| (n.clone(), *s)).collect();
        for (n, sym) in syms {
            if sym.flags & def::PARAM != 0 {
                continue;
            }
            let mut place = sym.place;
            if is_class && place == Where::Free && CLASS_CELLS.contains(&&*n) {
                place = Where::GlobalImplicit;
                if !self.free_in_child(comp, &n) {
                    comp_free.remove(&n);
                }
                self.scopes[comp].symbols.entry(&n).place = place;
            }
            if place == Where::Cell || sym.flags & def::COMP_CELL != 0 {
                inlined_cells.insert(n.clone());
            }
            match self.scopes[id].symbols.get(&n).copied() {
                None => {
                    self.scopes[id].symbols.set(&n, Symbol { flags: sym.flags, place });
                    places.insert(n, place);
                }
                Some(old) => {
                    // What the comprehension binds itself, or a class's own names, it does not refer to.
                    if sym.flags & def::BOUND == 0 && !is_class {
                        self.scopes[id].symbols.entry(&n).flags |= sym.flags & def::USE;
                    }
                    if old.flags & def::BOUND != 0 && !is_class && !self.free_in_child(comp, &n) {
                        comp_free.remove(&n);
                    }
                }
            }
        }
    }

    fn free_in_child(&self, id: ScopeId, name: &Ident) -> bool {
        self.scopes[id].children.iter().any(|c| self.scopes[*c].place(name) == Where::Free)
    }
}
