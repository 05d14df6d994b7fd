//! The Python face of syntax trees: the classes of `_ast`, and trees converted to and from objects.
//!
//! The classes are made once from `GRAMMAR`, which lists every node with its fields as the documentation of `ast` does.

use crate::objects::Code;
use crate::prelude::*;
use compiler::Options;
use macros::pyclass;
use std::collections::HashMap;
use std::sync::OnceLock;

/// `sum attributes: Node(type name, ...) ...`; `?` optional, `*` list, `?*` list with holes. A lower-case node is a
/// product of its own.
const GRAMMAR: &[(&str, bool, &[&str])] = &[
    (
        "mod",
        false,
        &[
            "Module(stmt* body, type_ignore* type_ignores)",
            "Interactive(stmt* body)",
            "Expression(expr body)",
            "FunctionType(expr* argtypes, expr returns)",
        ],
    ),
    (
        "stmt",
        true,
        &[
            "FunctionDef(identifier name, arguments args, stmt* body, expr* decorator_list, expr? returns, string? type_comment, type_param* type_params)",
            "AsyncFunctionDef(identifier name, arguments args, stmt* body, expr* decorator_list, expr? returns, string? type_comment, type_param* type_params)",
            "ClassDef(identifier name, expr* bases, keyword* keywords, stmt* body, expr* decorator_list, type_param* type_params)",
            "Return(expr? value)",
            "Delete(expr* targets)",
            "Assign(expr* targets, expr value, string? type_comment)",
            "TypeAlias(expr name, type_param* type_params, expr value)",
            "AugAssign(expr target, operator op, expr value)",
            "AnnAssign(expr target, expr annotation, expr? value, int simple)",
            "For(expr target, expr iter, stmt* body, stmt* orelse, string? type_comment)",
            "AsyncFor(expr target, expr iter, stmt* body, stmt* orelse, string? type_comment)",
            "While(expr test, stmt* body, stmt* orelse)",
            "If(expr test, stmt* body, stmt* orelse)",
            "With(withitem* items, stmt* body, string? type_comment)",
            "AsyncWith(withitem* items, stmt* body, string? type_comment)",
            "Match(expr subject, match_case* cases)",
            "Raise(expr? exc, expr? cause)",
            "Try(stmt* body, excepthandler* handlers, stmt* orelse, stmt* finalbody)",
            "TryStar(stmt* body, excepthandler* handlers, stmt* orelse, stmt* finalbody)",
            "Assert(expr test, expr? msg)",
            "Import(alias* names)",
            "ImportFrom(identifier? module, alias* names, int? level)",
            "Global(identifier* names)",
            "Nonlocal(identifier* names)",
            "Expr(expr value)",
            "Pass",
            "Break",
            "Continue",
        ],
    ),
    (
        "expr",
        true,
        &[
            "BoolOp(boolop op, expr* values)",
            "NamedExpr(expr target, expr value)",
            "BinOp(expr left, operator op, expr right)",
            "UnaryOp(unaryop op, expr operand)",
            "Lambda(arguments args, expr body)",
            "IfExp(expr test, expr body, expr orelse)",
            "Dict(expr?* keys, expr* values)",
            "Set(expr* elts)",
            "ListComp(expr elt, comprehension* generators)",
            "SetComp(expr elt, comprehension* generators)",
            "DictComp(expr key, expr value, comprehension* generators)",
            "GeneratorExp(expr elt, comprehension* generators)",
            "Await(expr value)",
            "Yield(expr? value)",
            "YieldFrom(expr value)",
            "Compare(expr left, cmpop* ops, expr* comparators)",
            "Call(expr func, expr* args, keyword* keywords)",
            "FormattedValue(expr value, int conversion, expr? format_spec)",
            "Interpolation(expr value, constant str, int conversion, expr? format_spec)",
            "JoinedStr(expr* values)",
            "TemplateStr(expr* values)",
            "Constant(constant value, string? kind)",
            "Attribute(expr value, identifier attr, expr_context ctx)",
            "Subscript(expr value, expr slice, expr_context ctx)",
            "Starred(expr value, expr_context ctx)",
            "Name(identifier id, expr_context ctx)",
            "List(expr* elts, expr_context ctx)",
            "Tuple(expr* elts, expr_context ctx)",
            "Slice(expr? lower, expr? upper, expr? step)",
        ],
    ),
    ("expr_context", false, &["Load", "Store", "Del"]),
    ("boolop", false, &["And", "Or"]),
    (
        "operator",
        false,
        &[
            "Add", "Sub", "Mult", "MatMult", "Div", "Mod", "Pow", "LShift", "RShift", "BitOr", "BitXor", "BitAnd",
            "FloorDiv",
        ],
    ),
    ("unaryop", false, &["Invert", "Not", "UAdd", "USub"]),
    ("cmpop", false, &["Eq", "NotEq", "Lt", "LtE", "Gt", "GtE", "Is", "IsNot", "In", "NotIn"]),
    ("comprehension", false, &["comprehension(expr target, expr iter, expr* ifs, int is_async)"]),
    ("excepthandler", true, &["ExceptHandler(expr? type, identifier? name, stmt* body)"]),
    (
        "arguments",
        false,
        &[
            "arguments(arg* posonlyargs, arg* args, arg? vararg, arg* kwonlyargs, expr?* kw_defaults, arg? kwarg, expr* defaults)",
        ],
    ),
    ("arg", true, &["arg(identifier arg, expr? annotation, string? type_comment)"]),
    ("keyword", true, &["keyword(identifier? arg, expr value)"]),
    ("alias", true, &["alias(identifier name, identifier? asname)"]),
    ("withitem", false, &["withitem(expr context_expr, expr? optional_vars)"]),
    ("match_case", false, &["match_case(pattern pattern, expr? guard, stmt* body)"]),
    (
        "pattern",
        true,
        &[
            "MatchValue(expr value)",
            "MatchSingleton(constant value)",
            "MatchSequence(pattern* patterns)",
            "MatchMapping(expr* keys, pattern* patterns, identifier? rest)",
            "MatchClass(expr cls, pattern* patterns, identifier* kwd_attrs, pattern* kwd_patterns)",
            "MatchStar(identifier? name)",
            "MatchAs(pattern? pattern, identifier? name)",
            "MatchOr(pattern* patterns)",
        ],
    ),
    ("type_ignore", false, &["TypeIgnore(int lineno, string tag)"]),
    (
        "type_param",
        true,
        &[
            "TypeVar(identifier name, expr? bound, expr? default_value)",
            "ParamSpec(identifier name, expr? default_value)",
            "TypeVarTuple(identifier name, expr? default_value)",
        ],
    ),
];

/// Sums whose nodes have an optional end position.
const ATTRIBUTES: [&str; 4] = ["lineno", "col_offset", "end_lineno", "end_col_offset"];

/// `ast.AST`
#[repr(C)]
pub struct Ast {
    ob_base: abi::PyObject,
}
pub static mut AST_TYPE: Type = Type::STATIC;
py_layout!(Ast, AST_TYPE);

/// How a field is filled when the constructor does not get it.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    One,
    Optional,
    List,
}

fn parse_node(text: &str) -> (&str, Vec<(&str, &str, Kind)>) {
    let Some((name, rest)) = text.split_once('(') else { return (text, Vec::new()) };
    let mut fields = Vec::new();
    for f in rest.trim_end_matches(')').split(", ") {
        let Some((ty, field)) = f.split_once(' ') else { continue };
        let kind = if ty.ends_with('*') {
            Kind::List
        } else if ty.ends_with('?') {
            Kind::Optional
        } else {
            Kind::One
        };
        fields.push((ty.trim_end_matches(['*', '?']), field, kind));
    }
    (name, fields)
}

/// The classes by name, and the shared instances of field-less ones (`Load()`, `Add()` …).
pub struct Classes {
    by_name: HashMap<&'static str, Ref<Type>>,
    single: HashMap<&'static str, PyRef>,
    order: Vec<&'static str>,
}

static CLASSES: OnceLock<Classes> = OnceLock::new();

/// The classes, made on first use.
pub fn classes() -> PyResult<&'static Classes> {
    if let Some(c) = CLASSES.get() {
        return Ok(c);
    }
    let c = make_classes()?;
    Ok(CLASSES.get_or_init(|| c))
}

fn str_tuple(names: &[&str]) -> PyResult<PyRef> {
    Ok(Tuple::from_refs(names.iter().map(|n| Str::intern(n).to_ref()).collect())?.upcast())
}

fn make_class(name: &'static str, base: &Object, items: &[(&str, &Object)]) -> PyResult<Ref<Type>> {
    let d = Dict::new()?;
    for (k, v) in items {
        d.set(Str::intern(k), v)?;
    }
    d.set(intern!("__module__"), Str::intern("ast"))?;
    let bases = Tuple::from_slice(&[base])?;
    let t: &Object = Type::type_object();
    let c = t.call(&[Str::intern(name), &bases, &d])?;
    match c.downcast_into::<Type>() {
        Ok(t) => Ok(t),
        Err(_) => Err(raise!(SystemError, "type() gave no type")),
    }
}

fn make_classes() -> PyResult<Classes> {
    let mut c = Classes { by_name: HashMap::new(), single: HashMap::new(), order: Vec::new() };
    let base: &Object = Ast::type_object();
    for n in ["_fields", "_attributes", "__match_args__"] {
        Ast::type_object().dict().set(Str::intern(n), &*Tuple::empty())?;
    }
    Ast::type_object().modified();
    let empty: PyRef = Tuple::empty().upcast();
    let mut specs: Vec<(&'static str, Vec<(&'static str, &'static str, Kind)>)> = Vec::new();
    for &(sum, attrs, nodes) in GRAMMAR {
        let product =
            nodes.len() == 1 && nodes[0].starts_with(sum) && nodes[0].as_bytes().get(sum.len()) == Some(&b'(');
        let attributes = if attrs { str_tuple(&ATTRIBUTES)? } else { empty.clone() };
        let mut parent: PyRef = base.to_ref();
        let optional_ends: &[&str] = if attrs { &["end_lineno", "end_col_offset"] } else { &[] };
        if !product {
            let flat = nodes.iter().all(|n| !n.contains('('));
            let doc = Str::new(&format!("{} = {}", sum, nodes.join(if flat { " | " } else { "\n     | " })))?;
            let mut items: Vec<(&str, &Object)> =
                vec![("_fields", &empty), ("__match_args__", &empty), ("_attributes", &attributes), ("__doc__", &doc)];
            let ft = Dict::new()?;
            items.push(("_field_types", &ft));
            for n in optional_ends {
                items.push((n, none()));
            }
            let cls = make_class(sum, base, &items)?;
            parent = cls.clone().upcast();
            c.by_name.insert(sum, cls);
            c.order.push(sum);
        }
        for &text in nodes {
            let (name, fields) = parse_node(text);
            let names: Vec<&str> = fields.iter().map(|f| f.1).collect();
            let fields_t = str_tuple(&names)?;
            let doc = Str::new(text)?;
            let mut items: Vec<(&str, &Object)> =
                vec![("_fields", &fields_t), ("__match_args__", &fields_t), ("__doc__", &doc)];
            if product {
                items.push(("_attributes", &attributes));
                for n in optional_ends {
                    items.push((n, none()));
                }
            }
            for (_, f, k) in &fields {
                if *k == Kind::Optional {
                    items.push((f, none()));
                }
            }
            let cls = make_class(name, &parent, &items)?;
            c.by_name.insert(name, cls.clone());
            c.order.push(name);
            if fields.is_empty() && matches!(sum, "expr_context" | "boolop" | "operator" | "unaryop" | "cmpop") {
                c.single.insert(name, cls.call0()?);
            }
            specs.push((name, fields));
        }
    }
    // The types of fields need all classes
    for (name, fields) in specs {
        let ft = Dict::new()?;
        for (ty, f, k) in fields {
            let t: PyRef = match ty {
                "identifier" | "string" => Str::type_object().to_ref(),
                "int" => Int::type_object().to_ref(),
                "constant" => crate::typeobject::object_type().to_ref(),
                n => match c.by_name.get(n) {
                    Some(t) => t.clone().upcast(),
                    None => crate::typeobject::object_type().to_ref(),
                },
            };
            let t = match k {
                Kind::One => t,
                Kind::Optional => t.or(none())?,
                Kind::List => super::generic_alias(List::type_object(), &t)?,
            };
            ft.set(Str::intern(f), &t)?;
        }
        c.by_name[name].setattr(Str::intern("_field_types"), &ft)?;
        c.by_name[name].setattr(Str::intern("__annotations__"), &ft)?;
    }
    Ok(c)
}

/// Adds the classes to the module `_ast`.
pub fn add_classes(m: &Module) -> PyResult<()> {
    let c = classes()?;
    m.add("AST", Ast::type_object().to_ref())?;
    for n in &c.order {
        m.add(n, c.by_name[n].clone().upcast())?;
    }
    Ok(())
}

fn fields_of(o: &Object) -> PyResult<Vec<PyRef>> {
    match o.ty().getattr_opt(Str::intern("_fields"))? {
        Some(f) => {
            let n = f.len()?;
            (0..n as isize).map(|i| f.get_item_index(i)).collect()
        }
        None => Ok(Vec::new()),
    }
}

fn as_str(o: &Object) -> PyResult<&Str> {
    match o.downcast::<Str>() {
        Some(s) => Ok(s),
        None => Err(raise!(TypeError, "attribute name must be string, not '{}'", o.ty().name_str())),
    }
}

#[pyclass(name = "AST", module = "ast", type_object = AST_TYPE, flags = "BASETYPE|HAVE_GC|MANAGED_DICT|MANAGED_WEAKREF")]
impl Ast {
    #[slot]
    fn tp_new(cls: &Type, _args: FuncArgs<'_>) -> PyResult<PyRef> {
        // SAFETY: tp_alloc gives an owned reference.
        Ok(unsafe { Ref::from_raw(cls.alloc(0)?.cast()) })
    }
    #[slot]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        let name = self.ty().name_str().to_string();
        let fields = fields_of(self)?;
        if args.len() > fields.len() {
            return Err(raise!(
                TypeError,
                "{} constructor takes at most {} positional argument{}",
                name,
                fields.len(),
                if fields.len() == 1 { "" } else { "s" }
            ));
        }
        let mut missing: Vec<&PyRef> = fields.iter().skip(args.len()).collect();
        for (f, v) in fields.iter().zip(args.args) {
            self.setattr(as_str(f)?, v)?;
        }
        for (k, v) in args.keywords() {
            let mut place = None;
            for (i, f) in fields.iter().enumerate() {
                if f.eq(k)? {
                    place = Some(i);
                    break;
                }
            }
            if let Some(i) = place {
                if i < args.len() {
                    let key = k.repr()?;
                    return Err(raise!(
                        TypeError,
                        "{} got multiple values for argument {}",
                        name,
                        key.to_string_lossy()
                    ));
                }
                missing.retain(|f| !f.is(&*fields[i]));
            } else {
                let attrs = self.ty().getattr_opt(Str::intern("_attributes"))?;
                let known = match attrs {
                    Some(a) => a.contains(k)?,
                    None => false,
                };
                if !known {
                    crate::error::warn(
                        exc::DeprecationWarning(),
                        &format!(
                            "{}.__init__ got an unexpected keyword argument {}. Support for arbitrary keyword arguments is deprecated and will be removed in Python 3.15.",
                            name,
                            k.repr()?.to_string_lossy()
                        ),
                        1,
                    )?;
                }
            }
            self.setattr(as_str(k)?, v)?;
        }
        if missing.is_empty() {
            return Ok(());
        }
        let Some(types) = self.ty().getattr_opt(Str::intern("_field_types"))? else { return Ok(()) };
        let Some(types) = types.downcast::<Dict>() else { return Ok(()) };
        for f in missing {
            let Some(t) = types.get(f)? else {
                crate::error::warn(
                    exc::DeprecationWarning(),
                    &format!(
                        "Field {} is missing from {}._field_types. This will become an error in Python 3.15.",
                        f.repr()?.to_string_lossy(),
                        name
                    ),
                    1,
                )?;
                continue;
            };
            if t.downcast::<crate::objects::union::Union>().is_some() {
                // optional: the class attribute None serves
                continue;
            }
            if t.downcast::<crate::objects::genericalias::GenericAlias>().is_some() {
                self.setattr(as_str(f)?, &*List::new()?)?;
            } else if t.is(&*classes()?.by_name["expr_context"]) {
                self.setattr(as_str(f)?, &classes()?.single["Load"])?;
            } else {
                crate::error::warn(
                    exc::DeprecationWarning(),
                    &format!(
                        "{}.__init__ missing 1 required positional argument: {}. This will become an error in Python 3.15.",
                        name,
                        f.repr()?.to_string_lossy()
                    ),
                    1,
                )?;
            }
        }
        Ok(())
    }
    #[slot]
    fn tp_traverse(&self, v: &mut crate::mem::Visitor) -> core::ffi::c_int {
        let (f, arg) = v.as_c();
        // SAFETY: the type has a managed dict.
        unsafe { crate::objects::dict::instance::visit_managed_dict(self.as_ptr(), f, arg) }
    }
    #[slot]
    fn tp_clear(&self) {
        // SAFETY: the type has a managed dict.
        unsafe { crate::objects::dict::instance::clear_managed_dict(self.as_ptr()) };
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: the object is dying.
        unsafe {
            crate::mem::gc::untrack(&*this);
            super::pending::clear_weakrefs(&*this);
            crate::objects::dict::instance::clear_managed_dict(this.cast());
            crate::objects::r#gen::free(this.cast());
        }
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        Str::new(&node_repr(self, 3)?)
    }
    #[pygetset(name = "__dict__")]
    fn dict_attr(&self) -> PyResult<PyRef> {
        crate::protocol::attr::generic_dict(self).map(Ref::upcast)
    }
    #[pysetter(name = "__dict__")]
    fn set_dict_attr(&self, v: Option<&Object>) -> PyResult<()> {
        crate::protocol::attr::set_generic_dict(self, v)
    }
    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<PyRef> {
        let d = self.getattr(intern!("__dict__"))?;
        let args = Tuple::empty();
        Ok(Tuple::from_slice(&[self.ty(), &args, &d])?.upcast())
    }
    #[pymethod(raw, name = "__replace__")]
    fn replace(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        if args.len() > 0 {
            return Err(raise!(TypeError, "__replace__() takes at most 0 positional arguments ({} given)", args.len()));
        }
        self.check_replacements(&args)?;
        let d = Dict::new()?;
        let mut names = fields_of(self)?;
        if let Some(a) = self.ty().getattr_opt(intern!("_attributes"))? {
            names.extend(a.to_tuple()?.iter().map(Object::to_ref));
        }
        let own = crate::protocol::attr::generic_dict(self)?;
        for n in &names {
            if let Some(v) = own.get(n)? {
                d.set(n, &v)?;
            }
        }
        for (k, v) in args.keywords() {
            d.set(k, v)?;
        }
        self.ty().call_dict(&Tuple::empty(), Some(&d))
    }
}

impl Ast {
    /// `__replace__` must get known names, and values for all fields that the node lacks.
    fn check_replacements(&self, args: &FuncArgs<'_>) -> PyResult<()> {
        let name = self.ty().name_str().to_string();
        let mut expecting: Vec<PyRef> = fields_of(self)?;
        let mut known = expecting.clone();
        if let Some(a) = self.ty().getattr_opt(intern!("_attributes"))? {
            known.extend(a.to_tuple()?.iter().map(Object::to_ref));
        }
        let own = crate::protocol::attr::generic_dict(self)?;
        let has = |list: &[PyRef], k: &Object| -> PyResult<Option<usize>> {
            for (i, n) in list.iter().enumerate() {
                if n.eq(k)? {
                    return Ok(Some(i));
                }
            }
            Ok(None)
        };
        for (k, _) in args.keywords() {
            if has(&known, k)?.is_none() {
                return Err(raise!(
                    TypeError,
                    "{}.__replace__ got an unexpected keyword argument {}.",
                    name,
                    k.repr()?.to_string_lossy()
                ));
            }
            if let Some(i) = has(&expecting, k)? {
                expecting.remove(i);
            }
        }
        let mut missing = Vec::new();
        let types = self.ty().getattr_opt(intern!("_field_types"))?;
        for n in expecting {
            if own.contains(&n)? {
                continue;
            }
            // An optional field has a default of None.
            if let Some(t) = types.as_ref().and_then(|t| t.downcast::<Dict>()) {
                if t.get(&n)?.is_some_and(|t| t.downcast::<crate::objects::union::Union>().is_some()) {
                    continue;
                }
            }
            missing.push(n.repr()?.to_string_lossy().into_owned());
        }
        if missing.is_empty() {
            return Ok(());
        }
        missing.sort();
        Err(raise!(
            TypeError,
            "{}.__replace__ missing {} keyword argument{}: {}.",
            name,
            missing.len(),
            if missing.len() == 1 { "" } else { "s" },
            missing.join(", ")
        ))
    }
}

fn node_repr(o: &Object, depth: usize) -> PyResult<String> {
    if depth == 0 {
        return Ok(format!("{}(...)", o.ty().name_str()));
    }
    let mut parts = Vec::new();
    for f in fields_of(o)? {
        let f = as_str(&f)?;
        let v = o.getattr(f)?;
        let text = if let Some(l) = v.downcast::<List>() {
            let items = l.snapshot();
            let one = |x: &PyRef| -> PyResult<String> {
                if x.downcast::<Ast>().is_some() {
                    node_repr(x, depth - 1)
                } else {
                    Ok(x.repr()?.to_string_lossy().into_owned())
                }
            };
            match items.len() {
                0 => "[]".to_string(),
                1 => format!("[{}]", one(&items[0])?),
                2 => format!("[{}, {}]", one(&items[0])?, one(&items[1])?),
                n => format!("[{}, ..., {}]", one(&items[0])?, one(&items[n - 1])?),
            }
        } else if v.downcast::<Ast>().is_some() {
            node_repr(&v, depth - 1)?
        } else {
            v.repr()?.to_string_lossy().into_owned()
        };
        parts.push(format!("{}={}", f.to_string_lossy(), text));
    }
    Ok(format!("{}({})", o.ty().name_str(), parts.join(", ")))
}

/// Whether the object is a syntax tree.
pub fn is_ast(o: &Object) -> PyResult<bool> {
    Ok(o.downcast::<Ast>().is_some())
}

/// The class of a node.
pub fn class(name: &str) -> PyResult<&'static Type> {
    match classes()?.by_name.get(name) {
        Some(t) => Ok(t),
        None => Err(raise!(SystemError, "no syntax node '{}'", name)),
    }
}

/// The shared instance of a field-less node.
pub fn single(name: &str) -> PyResult<PyRef> {
    match classes()?.single.get(name) {
        Some(o) => Ok(o.clone()),
        None => Err(raise!(SystemError, "no syntax node '{}'", name)),
    }
}

/// Parses source text to a tree of objects (`PyCF_ONLY_AST`).
pub fn parse_to_object(source: &str, opts: &Options) -> PyResult<PyRef> {
    match compiler::parse(source, opts) {
        Ok((tree, warnings)) => {
            super::syntax::issue_warnings(&warnings, opts, Some(source))?;
            super::astconv::to_object(&tree)
        }
        Err(e) => Err(super::raise_compile_error(&e, &opts.filename, Some(source))),
    }
}

/// `compile(tree, ..., PyCF_ONLY_AST)`: the tree itself when it fits the mode, or what optimising makes of it.
pub fn check_object(o: &Object, opts: &Options) -> PyResult<PyRef> {
    super::astconv::check_root(o, opts.mode)?;
    if !opts.optimized_ast {
        return Ok(o.to_ref());
    }
    let tree = super::astconv::from_object(o, opts)?;
    match compiler::optimize_tree(tree, opts) {
        Ok((tree, warnings)) => {
            super::syntax::issue_warnings(&warnings, opts, None)?;
            super::astconv::to_object(&tree)
        }
        Err(e) => Err(super::raise_compile_error(&e, &opts.filename, None)),
    }
}

/// Compiles a tree of objects.
pub fn compile_object(o: &Object, opts: &Options) -> PyResult<PyRef> {
    let tree = super::astconv::from_object(o, opts)?;
    match compiler::compile_ast(tree, None, opts) {
        Ok(data) => {
            super::syntax::issue_warnings(&data.warnings, opts, None)?;
            Ok(Code::from_data(&data)?.upcast())
        }
        Err(e) => Err(super::raise_compile_error(&e, &opts.filename, None)),
    }
}
