//! Functions, lambdas, classes, type parameters, type aliases and annotation functions.

use super::*;
use crate::ir::SETUP_CLEANUP;
use crate::opcode::intrinsic;
use crate::symtable::Key;

const DEFAULTS: u32 = 1;
const KWDEFAULTS: u32 = 2;
const ANNOTATE: u32 = 16;

impl<'a> Compiler<'a> {
    fn block<T>(&self, node: &T, key: Key) -> Result<ScopeId> {
        self.table
            .find(node, key)
            .ok_or_else(|| CompileError::plain(ErrorKind::System, "compiler: no block for a node"))
    }

    fn decorators(&mut self, list: &'a [Expr]) -> Result<()> {
        list.iter().try_for_each(|d| self.expr(d))
    }

    fn apply_decorators(&mut self, list: &'a [Expr]) {
        for d in list.iter().rev() {
            self.op_i(d.loc, op::CALL, 0);
        }
    }

    /// Defaults on the stack; which are there.
    fn default_args(&mut self, loc: Loc, a: &'a Arguments) -> Result<u32> {
        let mut flags = 0;
        if !a.defaults.is_empty() {
            flags |= DEFAULTS;
            if a.defaults.iter().all(|d| matches!(d.kind, ExprKind::Constant { .. })) {
                let items = a
                    .defaults
                    .iter()
                    .map(|d| match &d.kind {
                        ExprKind::Constant { value, .. } => value.clone(),
                        _ => Const::None,
                    })
                    .collect();
                self.load_const(loc, Const::Tuple(items));
            } else {
                a.defaults.iter().try_for_each(|d| self.expr(d))?;
                self.op_i(loc, op::BUILD_TUPLE, a.defaults.len() as u32);
            }
        }
        let mut n = 0;
        for (p, d) in a.kwonlyargs.iter().zip(&a.kw_defaults) {
            if let Some(d) = d {
                let m = self.mangle(&p.arg);
                self.load_str(loc, &m);
                self.expr(d)?;
                n += 1;
            }
        }
        if n > 0 {
            self.op_i(loc, op::BUILD_MAP, n);
            flags |= KWDEFAULTS;
        }
        Ok(flags)
    }

    fn set_args(&mut self, a: &Arguments) {
        let u = self.u();
        u.argcount = (a.posonlyargs.len() + a.args.len()) as u32;
        u.posonlyargcount = a.posonlyargs.len() as u32;
        u.kwonlyargcount = a.kwonlyargs.len() as u32;
    }

    fn check_defaults(&self, loc: Loc, a: &Arguments) -> Result<()> {
        if a.defaults.len() > a.posonlyargs.len() + a.args.len() {
            return Err(CompileError::plain(ErrorKind::Value, "more positional defaults than args on arguments"));
        }
        if a.kwonlyargs.len() != a.kw_defaults.len() {
            return Err(CompileError::plain(
                ErrorKind::Value,
                "length of kwonlyargs is not the same as kw_defaults on arguments",
            ));
        }
        let _ = loc;
        Ok(())
    }

    pub(super) fn function(&mut self, s: &'a Stmt, f: &'a FunctionDef) -> Result<()> {
        let loc = s.loc;
        self.check_defaults(loc, &f.args)?;
        self.decorators(&f.decorator_list)?;
        let firstlineno = f.decorator_list.first().map_or(loc.lineno, |d| d.loc.lineno);
        let mut flags = self.default_args(loc, &f.args)?;
        let generic = !f.type_params.is_empty();
        let passed = (flags & DEFAULTS != 0) as u32 + (flags & KWDEFAULTS != 0) as u32;
        if generic {
            if passed == 2 {
                self.op_i(loc, op::SWAP, 2);
            }
            let scope = self.block(f, Key::TypeParams)?;
            let name = format!("<generic parameters of {}>", f.name);
            self.enter(name.as_str().into(), UnitKind::TypeParams, scope, firstlineno, None)?;
            self.u().argcount = passed;
            self.type_params(loc, &f.type_params)?;
            for i in 0..passed {
                self.op_i(loc, op::LOAD_FAST, i);
            }
        }
        if self.annotations(loc, &f.name, &f.args, f.returns.as_ref())? {
            flags |= ANNOTATE;
        }
        self.function_body(loc, f, flags, firstlineno)?;
        if generic {
            self.op_i(loc, op::SWAP, 2);
            self.op_i(loc, op::CALL_INTRINSIC_2, intrinsic::SET_FUNCTION_TYPE_PARAMS);
            self.op(loc, op::RETURN_VALUE);
            let code = self.leave(false)?;
            self.make_closure(loc, code, 0)?;
            if passed > 0 {
                self.op_i(loc, op::SWAP, passed + 1);
                self.op_i(loc, op::CALL, passed - 1);
            } else {
                self.op(loc, op::PUSH_NULL);
                self.op_i(loc, op::CALL, 0);
            }
        }
        self.apply_decorators(&f.decorator_list);
        self.name_op(loc, &f.name, Ctx::Store)
    }

    fn function_body(&mut self, loc: Loc, f: &'a FunctionDef, flags: u32, firstlineno: i32) -> Result<()> {
        let scope = self.block(f, Key::Body)?;
        let kind = if f.is_async { UnitKind::AsyncFunction } else { UnitKind::Function };
        self.enter(f.name.clone(), kind, scope, firstlineno, None)?;
        self.set_args(&f.args);
        let s = self.scope();
        let guard = (s.generator || s.coroutine).then(|| self.label());
        if let Some(l) = guard {
            self.jump(NO_LOC, SETUP_CLEANUP, l);
        }
        let mut body = &f.body[..];
        if let Some(doc) = stmt::docstring(body) {
            if self.opts.optimize < 2 {
                self.add_const(Const::Str(doc));
                self.u().docstring = true;
            }
            body = &body[1..];
        }
        self.stmts(body)?;
        if let Some(l) = guard {
            self.none(NO_LOC);
            self.op(NO_LOC, op::RETURN_VALUE);
            self.stopiteration_handler(l);
        }
        let code = self.leave(guard.is_none())?;
        self.make_closure(loc, code, flags)
    }

    pub(super) fn lambda(&mut self, e: &'a Expr, args: &'a Arguments, body: &'a Expr) -> Result<()> {
        let loc = e.loc;
        self.check_defaults(loc, args)?;
        let flags = self.default_args(loc, args)?;
        let scope = self.block(e, Key::Body)?;
        self.enter("<lambda>".into(), UnitKind::Lambda, scope, loc.lineno, None)?;
        self.set_args(args);
        let guard = self.scope().generator.then(|| self.label());
        if let Some(l) = guard {
            self.jump(NO_LOC, SETUP_CLEANUP, l);
        }
        self.expr(body)?;
        self.op(body.loc, op::RETURN_VALUE);
        if let Some(l) = guard {
            self.stopiteration_handler(l);
        }
        let code = self.leave(false)?;
        self.make_closure(loc, code, flags)
    }

    // ---- annotations ----

    /// Opens an annotation function: a `format` above VALUE_WITH_FAKE_GLOBALS is not for compiled code.
    fn enter_annotate(&mut self, loc: Loc, name: Ident, scope: ScopeId, qualname: Option<String>) -> Result<()> {
        self.enter(name, UnitKind::Annotations, scope, loc.lineno, qualname)?;
        self.u().argcount = 1;
        self.u().posonlyargcount = 1;
        let body = self.label();
        self.op_i(loc, op::LOAD_FAST, 0);
        self.load_const(loc, Const::Int(2));
        self.op_i(loc, op::COMPARE_OP, 4 << 5 | 4);
        self.op(loc, op::TO_BOOL);
        self.jump_op(loc, op::POP_JUMP_IF_FALSE, body);
        self.op_i(loc, op::LOAD_COMMON_CONSTANT, 1);
        self.op_i(loc, op::RAISE_VARARGS, 1);
        self.bind(body);
        Ok(())
    }

    /// Compiles a function's annotations; whether there are any.
    fn annotations(&mut self, loc: Loc, name: &str, a: &'a Arguments, returns: Option<&'a Expr>) -> Result<bool> {
        let list: Vec<(Ident, &'a Expr, bool)> = a
            .args
            .iter()
            .chain(&a.posonlyargs)
            .map(|p| (p, false))
            .chain(a.vararg.iter().map(|p| (&**p, true)))
            .chain(a.kwonlyargs.iter().map(|p| (p, false)))
            .chain(a.kwarg.iter().map(|p| (&**p, false)))
            .filter_map(|(p, star)| p.annotation.as_ref().map(|x| (p.arg.clone(), &**x, star)))
            .chain(returns.map(|r| ("return".into(), r, false)))
            .collect();
        if list.is_empty() {
            return Ok(false);
        }
        let n = list.len() as u32;
        let scope = self.block(a, Key::Annotations)?;
        let qualname = format!("{}.__annotate__", self.child_qualname(name));
        self.enter_annotate(loc, "__annotate__".into(), scope, Some(qualname))?;
        for (name, e, star) in list {
            let m = self.mangle(&name);
            self.load_str(loc, &m);
            match &e.kind {
                _ if self.future_annotations() => self.load_str(e.loc, &crate::unparse::unparse(e)),
                ExprKind::Starred { value, .. } if star => {
                    self.expr(value)?;
                    self.op_i(loc, op::UNPACK_SEQUENCE, 1);
                }
                _ => self.expr(e)?,
            }
        }
        self.op_i(loc, op::BUILD_MAP, n);
        self.op(loc, op::RETURN_VALUE);
        let code = self.leave(false)?;
        self.make_closure(loc, code, 0)?;
        Ok(true)
    }

    /// Makes the annotation function of a module or class and stores it.
    pub(super) fn deferred_annotations(&mut self, loc: Loc) -> Result<()> {
        let list = std::mem::take(&mut self.u().deferred);
        if list.is_empty() {
            return Ok(());
        }
        let conditional = self.scope().has_conditional_annotations;
        let _ = conditional;
        let is_class = self.unit().kind == UnitKind::Class;
        let Some(scope) = self.scope().annotation_block else { return Ok(()) };
        self.enter_annotate(loc, "__annotate__".into(), scope, None)?;
        self.op_i(loc, op::BUILD_MAP, 0);
        for d in list {
            let skip = self.label();
            if let Some(i) = d.index {
                self.load_const(d.loc, Const::Int(i as i64));
                if is_class {
                    let k = self.cell_index("__conditional_annotations__")?;
                    self.op_i(d.loc, op::LOAD_DEREF, k);
                } else {
                    let k = self.name_index(&"__conditional_annotations__".into());
                    self.op_i(d.loc, op::LOAD_GLOBAL, k << 1);
                }
                self.op_i(d.loc, op::CONTAINS_OP, 0);
                self.jump_op(d.loc, op::POP_JUMP_IF_FALSE, skip);
            }
            self.expr(d.annotation)?;
            self.op_i(d.loc, op::COPY, 2);
            self.load_str(d.loc, &d.name);
            self.op(loc, op::STORE_SUBSCR);
            self.bind(skip);
        }
        self.op(loc, op::RETURN_VALUE);
        let code = self.leave(false)?;
        self.make_closure(loc, code, 0)?;
        self.store_name(loc, if is_class { "__annotate_func__" } else { "__annotate__" })
    }

    // ---- classes ----

    pub(super) fn class(&mut self, s: &'a Stmt, c: &'a ClassDef) -> Result<()> {
        let loc = s.loc;
        self.decorators(&c.decorator_list)?;
        let firstlineno = c.decorator_list.first().map_or(loc.lineno, |d| d.loc.lineno);
        let generic = !c.type_params.is_empty();
        if generic {
            let scope = self.block(c, Key::TypeParams)?;
            let name = format!("<generic parameters of {}>", c.name);
            self.enter(name.as_str().into(), UnitKind::TypeParams, scope, firstlineno, None)?;
            self.u().private = Some(c.name.clone());
            self.type_params(loc, &c.type_params)?;
            self.name_op(loc, &".type_params".into(), Ctx::Store)?;
        }
        self.op(loc, op::LOAD_BUILD_CLASS);
        self.op(loc, op::PUSH_NULL);
        let code = self.class_body(loc, c, firstlineno)?;
        self.make_closure(loc, code, 0)?;
        self.load_str(loc, &c.name);
        if generic {
            let base: Ident = ".generic_base".into();
            self.name_op(loc, &".type_params".into(), Ctx::Load)?;
            self.op_i(loc, op::CALL_INTRINSIC_1, intrinsic::SUBSCRIPT_GENERIC);
            self.name_op(loc, &base, Ctx::Store)?;
            self.call_args(loc, 2, &c.bases, &c.keywords, Some(&base))?;
            self.op(loc, op::RETURN_VALUE);
            let code = self.leave(false)?;
            self.make_closure(loc, code, 0)?;
            self.op(loc, op::PUSH_NULL);
            self.op_i(loc, op::CALL, 0);
        } else {
            self.call_args(loc, 2, &c.bases, &c.keywords, None)?;
        }
        self.apply_decorators(&c.decorator_list);
        self.name_op(loc, &c.name, Ctx::Store)
    }

    fn class_body(&mut self, _loc: Loc, c: &'a ClassDef, firstlineno: i32) -> Result<CodeData> {
        let scope = self.block(c, Key::Body)?;
        self.enter(c.name.clone(), UnitKind::Class, scope, firstlineno, None)?;
        self.u().private = Some(c.name.clone());
        let loc = Loc { lineno: firstlineno, end_lineno: firstlineno, col: 0, end_col: 0 };
        let name: Ident = "__name__".into();
        self.name_op(loc, &name, Ctx::Load)?;
        self.store_name(loc, "__module__")?;
        let q = self.unit().qualname.clone();
        self.load_str(loc, &q);
        self.store_name(loc, "__qualname__")?;
        self.load_const(loc, Const::Int(firstlineno as i64));
        self.store_name(loc, "__firstlineno__")?;
        if !c.type_params.is_empty() {
            self.name_op(loc, &".type_params".into(), Ctx::Load)?;
            self.store_name(loc, "__type_params__")?;
        }
        let (classdict, closure, conditional) = {
            let s = self.scope();
            (s.needs_classdict, s.needs_class_closure, s.has_conditional_annotations)
        };
        if classdict {
            self.op(loc, op::LOAD_LOCALS);
            let i = self.cell_index("__classdict__")?;
            self.op_i(loc, op::STORE_DEREF, i);
        }
        if conditional {
            self.op_i(loc, op::BUILD_SET, 0);
            let i = self.cell_index("__conditional_annotations__")?;
            self.op_i(loc, op::STORE_DEREF, i);
        }
        if self.future_annotations() && self.scope().annotation_block.is_some() {
            self.op(loc, op::SETUP_ANNOTATIONS);
        }
        let body = self.doc_statement(&c.body)?;
        self.stmts(body)?;
        if !self.future_annotations() {
            self.deferred_annotations(loc)?;
        }
        let mut attrs: Vec<Ident> = self.unit().static_attributes.iter().cloned().collect();
        attrs.sort();
        self.load_const(NO_LOC, Const::Tuple(attrs.iter().map(|a| Const::Str((&**a).into())).collect()));
        self.store_name(NO_LOC, "__static_attributes__")?;
        if classdict {
            let i = self.cell_index("__classdict__")?;
            self.emit(NO_LOC, ir::LOAD_CLOSURE, i, NO_LABEL);
            self.store_name(NO_LOC, "__classdictcell__")?;
        }
        if closure {
            let i = self.cell_index("__class__")?;
            self.emit(NO_LOC, ir::LOAD_CLOSURE, i, NO_LABEL);
            self.op_i(NO_LOC, op::COPY, 1);
            self.store_name(NO_LOC, "__classcell__")?;
        } else {
            self.none(NO_LOC);
        }
        self.op(NO_LOC, op::RETURN_VALUE);
        self.leave(false)
    }

    // ---- type parameters ----

    /// All type parameters; leaves a tuple of them.
    fn type_params(&mut self, loc: Loc, params: &'a [TypeParam]) -> Result<()> {
        for p in params {
            let at = p.loc;
            self.load_str(at, &p.name);
            match &p.kind {
                TypeParamKind::TypeVar { bound: Some(b) } => {
                    self.type_param_part(at, p, b, Key::Bound, false)?;
                    let i = if matches!(b.kind, ExprKind::Tuple { .. })
                        || matches!(b.kind, ExprKind::Constant { value: Const::Tuple(_), .. })
                    {
                        intrinsic::TYPEVAR_WITH_CONSTRAINTS
                    } else {
                        intrinsic::TYPEVAR_WITH_BOUND
                    };
                    self.op_i(at, op::CALL_INTRINSIC_2, i);
                }
                TypeParamKind::TypeVar { bound: None } => self.op_i(at, op::CALL_INTRINSIC_1, intrinsic::TYPEVAR),
                TypeParamKind::ParamSpec => self.op_i(at, op::CALL_INTRINSIC_1, intrinsic::PARAMSPEC),
                TypeParamKind::TypeVarTuple => self.op_i(at, op::CALL_INTRINSIC_1, intrinsic::TYPEVARTUPLE),
            }
            if let Some(d) = &p.default {
                let star = matches!(p.kind, TypeParamKind::TypeVarTuple);
                self.type_param_part(at, p, d, Key::Default, star)?;
                self.op_i(at, op::CALL_INTRINSIC_2, intrinsic::SET_TYPEPARAM_DEFAULT);
            }
            self.op_i(at, op::COPY, 1);
            self.name_op(at, &p.name, Ctx::Store)?;
        }
        self.op_i(loc, op::BUILD_TUPLE, params.len() as u32);
        Ok(())
    }

    /// The function that evaluates a bound or default.
    fn type_param_part(&mut self, loc: Loc, p: &'a TypeParam, e: &'a Expr, key: Key, star: bool) -> Result<()> {
        self.load_const(loc, Const::Tuple(vec![Const::Int(1)]));
        let scope = self.block(p, key)?;
        self.enter_annotate(loc, p.name.clone(), scope, None)?;
        match &e.kind {
            ExprKind::Starred { value, .. } if star => {
                self.expr(value)?;
                self.op_i(loc, op::UNPACK_SEQUENCE, 1);
            }
            _ => self.expr(e)?,
        }
        self.op(loc, op::RETURN_VALUE);
        let code = self.leave(false)?;
        self.make_closure(loc, code, DEFAULTS)
    }

    pub(super) fn type_alias(
        &mut self,
        s: &'a Stmt,
        name: &'a Expr,
        params: &'a [TypeParam],
        value: &'a Expr,
    ) -> Result<()> {
        let loc = s.loc;
        let ExprKind::Name { id, .. } = &name.kind else {
            return Err(CompileError::plain(ErrorKind::Type, "TypeAlias with non-Name name"));
        };
        let generic = !params.is_empty();
        if generic {
            let scope = self.block(s, Key::TypeParams)?;
            let n = format!("<generic parameters of {id}>");
            self.enter(n.as_str().into(), UnitKind::TypeParams, scope, loc.lineno, None)?;
            self.load_str(loc, id);
            self.type_params(loc, params)?;
        } else {
            self.load_str(loc, id);
            self.none(loc);
        }
        self.load_const(loc, Const::Tuple(vec![Const::Int(1)]));
        let scope = self.block(s, Key::Body)?;
        self.enter_annotate(loc, id.clone(), scope, None)?;
        self.expr(value)?;
        self.op(loc, op::RETURN_VALUE);
        let code = self.leave(false)?;
        self.make_closure(loc, code, DEFAULTS)?;
        self.op_i(loc, op::BUILD_TUPLE, 3);
        self.op_i(loc, op::CALL_INTRINSIC_1, intrinsic::TYPEALIAS);
        if generic {
            self.op(loc, op::RETURN_VALUE);
            let code = self.leave(false)?;
            self.make_closure(loc, code, 0)?;
            self.op(loc, op::PUSH_NULL);
            self.op_i(loc, op::CALL, 0);
        }
        self.name_op(loc, id, Ctx::Store)
    }
}
