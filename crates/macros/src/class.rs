//! `#[pyclass]`: slots, methods, getsets and members of one type, as a `TypeSpec`.

use crate::func::{self, Options, Receiver};
use crate::sig;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use std::collections::BTreeMap;
use syn::{Attribute, Error, Expr, FnArg, ImplItem, ImplItemFn, ItemImpl, Path, Result, Type};

fn take(attrs: &mut Vec<Attribute>, name: &str) -> Option<Attribute> {
    let i = attrs.iter().position(|a| a.path().is_ident(name))?;
    Some(attrs.remove(i))
}

#[derive(Default)]
struct ClassOptions {
    name: Option<String>,
    module: Option<String>,
    type_object: Option<Path>,
    flags: String,
    doc: Option<String>,
    base: Option<Type>,
    dictoffset: Option<Expr>,
    weaklistoffset: Option<Expr>,
    vectorcalloffset: Option<Expr>,
    basicsize: Option<Expr>,
    itemsize: Option<Expr>,
    members: Option<String>,
    slots: Vec<(syn::Ident, Path)>,
}

fn class_options(attr: TokenStream) -> Result<ClassOptions> {
    let mut o = ClassOptions::default();
    let parser = syn::meta::parser(|m| {
        let key = m.path.get_ident().map(|i| i.to_string()).unwrap_or_default();
        match key.as_str() {
            "name" => o.name = Some(m.value()?.parse::<syn::LitStr>()?.value()),
            "module" => o.module = Some(m.value()?.parse::<syn::LitStr>()?.value()),
            "type_object" => o.type_object = Some(m.value()?.parse()?),
            "flags" => o.flags = m.value()?.parse::<syn::LitStr>()?.value(),
            "doc" => o.doc = Some(m.value()?.parse::<syn::LitStr>()?.value()),
            "base" => o.base = Some(m.value()?.parse()?),
            "dictoffset" => o.dictoffset = Some(m.value()?.parse()?),
            "weaklistoffset" => o.weaklistoffset = Some(m.value()?.parse()?),
            "vectorcalloffset" => o.vectorcalloffset = Some(m.value()?.parse()?),
            "basicsize" => o.basicsize = Some(m.value()?.parse()?),
            "itemsize" => o.itemsize = Some(m.value()?.parse()?),
            "members" => o.members = Some(m.value()?.parse::<syn::LitStr>()?.value()),
            "slots" => m.parse_nested_meta(|s| {
                let id = s.path.get_ident().cloned().ok_or_else(|| s.error("a slot name"))?;
                o.slots.push((id, s.value()?.parse()?));
                Ok(())
            })?,
            _ => return Err(m.error("unknown option")),
        }
        Ok(())
    });
    syn::parse::Parser::parse2(parser, attr)?;
    Ok(o)
}

/// The C signature of a slot: its parameters after `self`, and how they are passed on.
fn slot_shape(name: &str) -> Option<(&'static [&'static str], &'static str)> {
    Some(match name {
        "tp_iternext" => (&[], "iternext"),
        "tp_repr" | "tp_str" | "tp_iter" | "nb_negative" | "nb_positive" | "nb_absolute" | "nb_invert" | "nb_int"
        | "nb_float" | "nb_index" | "am_await" | "am_aiter" | "am_anext" => (&[], "object"),
        "nb_power" | "nb_inplace_power" => (&["obj", "obj"], "object"),
        "sq_item" | "sq_repeat" | "sq_inplace_repeat" => (&["isize"], "object"),
        "sq_length" | "mp_length" => (&[], "len"),
        "tp_hash" => (&[], "hash"),
        "nb_bool" => (&[], "bool"),
        "sq_contains" => (&["obj"], "bool"),
        "sq_ass_item" => (&["isize", "optobj"], "int"),
        "mp_ass_subscript" | "tp_setattro" => (&["obj", "optobj"], "int"),
        "tp_descr_set" => (&["obj", "optobj"], "int"),
        "tp_descr_get" => (&["optobj", "optobj"], "object"),
        "tp_richcompare" => (&["obj", "op"], "object"),
        "bf_getbuffer" => (&["buffer", "int"], "int"),
        "bf_releasebuffer" => (&["buffer"], "void"),
        "tp_getattro" | "sq_concat" | "sq_inplace_concat" | "mp_subscript" => (&["obj"], "object"),
        n if n.starts_with("nb_") => (&["obj"], "object"),
        _ => return None,
    })
}

fn slot(f: &ImplItemFn, opts: &Options, ty: &Type, class_name: &str) -> Result<(TokenStream, TokenStream)> {
    let id = &f.sig.ident;
    let name = id.to_string();
    let tramp = format_ident!("__slot_{}", name);
    let sid = format_ident!("Py_{}", name);
    let mut inputs: Vec<&FnArg> = f.sig.inputs.iter().collect();
    let is_receiver = matches!(inputs.first(), Some(FnArg::Receiver(_)));
    let slf = if is_receiver { quote!(&*__slf.cast::<__Slf>()) } else { quote!(::runtime::convert::receiver(__slf)) };
    let allow = quote!(#[allow(unused_variables, unused_unsafe, non_snake_case, clippy::all)]);
    let def = quote!(::runtime::typeobject::SlotDef(::abi::#sid, #tramp as *const ()));
    let code = match name.as_str() {
        "tp_new" | "tp_init" | "tp_call" => {
            let parsed_args;
            let lead = if name == "tp_new" { quote!(&*__slf.cast::<::runtime::object::Type>()) } else { slf.clone() };
            inputs.remove(0);
            let raw = opts.raw || (opts.sig.is_none() && inputs.len() == 1 && is_funcargs(inputs[0]));
            let fname = opts.name.clone();
            if raw {
                parsed_args = quote!(::runtime::convert::IntoPyResult::into_result(<#ty>::#id(#lead, __args)));
            } else {
                let parsed = sig::parse(opts.sig.as_deref(), sig::rust_params(&inputs)?, &f.sig)?;
                let (pre, names) = func::parse_block(&fname.unwrap_or_else(|| class_name.into()), &parsed)?;
                let drop_kw = if parsed.is_positional_only() && name != "tp_call" {
                    let is_new = name == "tp_new";
                    let of = if is_new {
                        quote!(#lead)
                    } else {
                        quote!(::runtime::object::Object::from_ptr(__slf.cast()).ty())
                    };
                    quote!(let __args = __args.for_subclass(#of, <#ty as ::runtime::object::PyClass>::type_object(), #is_new);)
                } else {
                    quote!()
                };
                parsed_args =
                    quote!(#drop_kw #pre ::runtime::convert::IntoPyResult::into_result(<#ty>::#id(#lead #(, #names)*)));
            }
            let body = quote! {
                let __holder = ::runtime::convert::CallArgs::new(__args, __kw)?;
                let __args = __holder.args();
                #parsed_args
            };
            if name == "tp_init" {
                quote! { #allow unsafe extern "C" fn #tramp(__slf: *mut ::abi::PyObject, __args: *mut ::abi::PyObject, __kw: *mut ::abi::PyObject) -> ::core::ffi::c_int {
                    ::runtime::convert::guard_int(|| {
                        // SAFETY: the slot's contract.
                        let _ = unsafe { #body }?;
                        Ok(())
                    })
                } }
            } else {
                let first =
                    if name == "tp_new" { quote!(*mut ::abi::PyTypeObject) } else { quote!(*mut ::abi::PyObject) };
                quote! { #allow unsafe extern "C" fn #tramp(__slf: #first, __args: *mut ::abi::PyObject, __kw: *mut ::abi::PyObject) -> *mut ::abi::PyObject {
                    ::runtime::convert::guard_object(|| {
                        // SAFETY: the slot's contract.
                        unsafe { #body }
                    })
                } }
            }
        }
        "tp_vectorcall" => {
            quote! { #allow unsafe extern "C" fn #tramp(__slf: *mut ::abi::PyObject, __args: *const *mut ::abi::PyObject, __n: usize, __kw: *mut ::abi::PyObject) -> *mut ::abi::PyObject {
                ::runtime::convert::guard_object(|| {
                    // SAFETY: the slot's contract.
                    unsafe { let __args = ::runtime::convert::FuncArgs::from_vectorcall(__args, __n, __kw);
                    ::runtime::convert::IntoPyResult::into_result(<#ty>::#id(&*__slf.cast::<::runtime::object::Type>(), __args)) }
                })
            } }
        }
        "tp_traverse" => {
            quote! { #allow unsafe extern "C" fn #tramp(__slf: *mut ::abi::PyObject, __visit: ::abi::visitproc, __arg: *mut ::core::ffi::c_void) -> ::core::ffi::c_int {
                // SAFETY: the slot's contract.
                unsafe { let mut __v = ::runtime::mem::Visitor::new(__visit, __arg); let __v = &mut __v; <#ty>::#id(&*__slf.cast::<__Slf>(), __v) }
            } }
        }
        "tp_clear" => quote! { #allow unsafe extern "C" fn #tramp(__slf: *mut ::abi::PyObject) -> ::core::ffi::c_int {
            // SAFETY: the slot's contract.
            ::runtime::convert::guard_int(|| { unsafe { let _ = <#ty>::#id(&*__slf.cast::<__Slf>()); } Ok(()) })
        } },
        "tp_finalize" | "tp_del" => quote! { #allow unsafe extern "C" fn #tramp(__slf: *mut ::abi::PyObject) {
            // SAFETY: the slot's contract.
            ::runtime::convert::guard_void(|| unsafe { let _ = <#ty>::#id(&*__slf.cast::<__Slf>()); })
        } },
        "tp_dealloc" => quote! { #allow unsafe extern "C" fn #tramp(__slf: *mut ::abi::PyObject) {
            // SAFETY: the slot's contract.
            ::runtime::convert::guard_void(|| unsafe { <#ty>::#id(__slf.cast::<__Slf>()); })
        } },
        "am_send" => {
            quote! { #allow unsafe extern "C" fn #tramp(__slf: *mut ::abi::PyObject, __arg: *mut ::abi::PyObject, __result: *mut *mut ::abi::PyObject) -> ::core::ffi::c_int {
                // SAFETY: the slot's contract.
                unsafe { <#ty>::#id(&*__slf.cast::<__Slf>(), ::runtime::object::Object::from_ptr(__arg), __result) }
            } }
        }
        _ => {
            let (shape, ret) =
                slot_shape(&name).ok_or_else(|| Error::new_spanned(id, "not the name of a slot this macro knows"))?;
            let mut params = Vec::new();
            let mut args = Vec::new();
            for (i, kind) in shape.iter().enumerate() {
                let p = format_ident!("__p{}", i);
                let (t, a) = match *kind {
                    "obj" => (quote!(*mut ::abi::PyObject), quote!(::runtime::convert::receiver(#p))),
                    "optobj" => (quote!(*mut ::abi::PyObject), quote!(::runtime::object::Object::from_ptr_opt(#p))),
                    "isize" => (quote!(isize), quote!(#p)),
                    "op" => (
                        quote!(::core::ffi::c_int),
                        quote!(::runtime::typeobject::CompareOp::from_raw(#p).unwrap_or(::runtime::typeobject::CompareOp::Eq)),
                    ),
                    "buffer" => (quote!(*mut ::abi::Py_buffer), quote!(#p)),
                    _ => (quote!(::core::ffi::c_int), quote!(#p)),
                };
                params.push(quote!(#p: #t));
                args.push(a);
            }
            let call = quote!(<#ty>::#id(#slf #(, #args)*));
            let (guard, rty, body) = match ret {
                "object" => (
                    "guard_object",
                    quote!(-> *mut ::abi::PyObject),
                    quote!(::runtime::convert::IntoPyResult::into_result(#call)),
                ),
                "iternext" => (
                    "guard_iternext",
                    quote!(-> *mut ::abi::PyObject),
                    quote!(::runtime::convert::IntoIterNext::into_next(#call)),
                ),
                "len" => ("guard_len", quote!(-> isize), quote!(::runtime::convert::IntoLen::into_len(#call))),
                "hash" => ("guard_hash", quote!(-> isize), quote!(::runtime::convert::IntoHash::into_hash(#call))),
                "bool" => (
                    "guard_bool",
                    quote!(-> ::core::ffi::c_int),
                    quote!(::runtime::convert::IntoBool::into_bool(#call)),
                ),
                "int" => {
                    ("guard_int", quote!(-> ::core::ffi::c_int), quote!(::runtime::convert::IntoUnit::into_unit(#call)))
                }
                _ => ("guard_void", quote!(), quote!({ let _ = #call; })),
            };
            let guard = format_ident!("{}", guard);
            let body = if name == "bf_getbuffer" {
                let text = format!("{class_name}: view==NULL argument is obsolete");
                quote! {
                    if __p0.is_null() {
                        return Err(::runtime::raise!(BufferError, "{}", #text));
                    }
                    #body
                }
            } else {
                body
            };
            quote! { #allow unsafe extern "C" fn #tramp(__slf: *mut ::abi::PyObject #(, #params)*) #rty {
                ::runtime::convert::#guard(|| {
                    // SAFETY: the slot's contract.
                    unsafe { #body }
                })
            } }
        }
    };
    Ok((code, def))
}

fn is_funcargs(a: &FnArg) -> bool {
    matches!(a, FnArg::Typed(t) if sig::last_segment(&t.ty).as_deref() == Some("FuncArgs"))
}

fn flags(text: &str) -> TokenStream {
    let mut out = quote!(0u64);
    for f in text.split('|').map(str::trim).filter(|f| !f.is_empty()) {
        let id = if f.starts_with('_') { format_ident!("_Py_TPFLAGS{}", f) } else { format_ident!("Py_TPFLAGS_{}", f) };
        out = quote!(#out | ::abi::#id as u64);
    }
    out
}

/// `members = "name: object@field readonly; n: isize@field"`: one row per `;`.
fn members(text: &str) -> Result<Vec<TokenStream>> {
    let mut rows = Vec::new();
    for row in text.split(';').map(str::trim).filter(|r| !r.is_empty()) {
        let bad = || Error::new(proc_macro2::Span::call_site(), format!("bad member: {row}"));
        let (name, rest) = row.split_once(':').ok_or_else(bad)?;
        let mut words = rest.split_whitespace();
        let (ty, field) = words.next().and_then(|w| w.split_once('@')).ok_or_else(bad)?;
        let readonly = words.next() == Some("readonly");
        let code: i32 = match ty {
            "short" => 0,
            "int" => 1,
            "long" => 2,
            "float" => 3,
            "double" => 4,
            "string" => 5,
            "object" => 6,
            "char" => 7,
            "byte" => 8,
            "ubyte" => 9,
            "ushort" => 10,
            "uint" => 11,
            "ulong" => 12,
            "bool" => 14,
            "object_ex" => 16,
            "longlong" => 17,
            "ulonglong" => 18,
            "isize" => 19,
            _ => return Err(bad()),
        };
        let cname = func::cstr(name.trim())?;
        let field: TokenStream =
            field.split('.').map(|p| p.parse::<TokenStream>().unwrap()).reduce(|a, b| quote!(#a . #b)).unwrap();
        let ro = readonly as i32;
        rows.push(
            quote!(::runtime::convert::member_def(#cname, #code, ::core::mem::offset_of!(__Slf, #field) as isize, #ro)),
        );
    }
    Ok(rows)
}

pub fn expand(attr: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let o = class_options(attr)?;
    let mut imp: ItemImpl = syn::parse2(item)?;
    let ty = (*imp.self_ty).clone();
    let Some(ident) = sig::last_segment(&ty) else { return Err(Error::new_spanned(&ty, "a plain type name")) };
    let doc = o.doc.clone().or_else(|| func::doc_of(&imp.attrs));
    let class_name = o.name.clone().unwrap_or_else(|| ident.clone());
    let mut code = Vec::new();
    let (mut slots, mut methods) = (Vec::new(), Vec::new());
    // name -> (getter, setter, doc)
    let mut getset: BTreeMap<String, (Option<TokenStream>, Option<TokenStream>, Option<String>)> = BTreeMap::new();
    let mut order = Vec::new();
    for item in &mut imp.items {
        let ImplItem::Fn(f) = item else { continue };
        let id = f.sig.ident.clone();
        if let Some(a) = take(&mut f.attrs, "slot") {
            let (c, d) = slot(f, &func::parse_options(&a)?, &ty, &class_name)?;
            code.push(c);
            slots.push(d);
            continue;
        }
        let kinds = [
            ("pymethod", Receiver::Instance),
            ("pyclassmethod", Receiver::Class),
            ("pystaticmethod", Receiver::Static),
        ];
        let mut done = false;
        for (attr_name, receiver) in kinds {
            if let Some(a) = take(&mut f.attrs, attr_name) {
                let m = func::method((&*f).into(), quote!(<#ty>::#id), receiver, &func::parse_options(&a)?, "m")?;
                code.push(m.items);
                methods.push(m.row);
                done = true;
            }
        }
        if done {
            continue;
        }
        let (getter, setter) = (take(&mut f.attrs, "pygetset"), take(&mut f.attrs, "pysetter"));
        if let Some(a) = getter.as_ref().or(setter.as_ref()) {
            let opts = func::parse_options(a)?;
            let rust = func::safe(&id.to_string());
            let is_get = getter.is_some();
            let name = opts.name.clone().unwrap_or_else(|| {
                if is_get { rust.clone() } else { rust.strip_prefix("set_").unwrap_or(&rust).to_string() }
            });
            if !getset.contains_key(&name) {
                order.push(name.clone());
            }
            let has_receiver = matches!(f.sig.inputs.first(), Some(FnArg::Receiver(_)));
            let slf = if has_receiver {
                quote!(&*__slf.cast::<__Slf>())
            } else {
                quote!(::runtime::convert::receiver(__slf))
            };
            let entry = getset.entry(name).or_default();
            if is_get {
                let tramp = format_ident!("__get_{}", rust);
                code.push(quote! { #[allow(unused_unsafe, clippy::all)] unsafe extern "C" fn #tramp(__slf: *mut ::abi::PyObject, _c: *mut ::core::ffi::c_void) -> *mut ::abi::PyObject {
                    ::runtime::convert::guard_object(|| {
                        // SAFETY: the getter's contract.
                        unsafe { ::runtime::convert::IntoPyResult::into_result(<#ty>::#id(#slf)) }
                    })
                } });
                entry.0 = Some(quote!(Some(#tramp)));
                entry.2 = opts.doc.clone().or_else(|| func::doc_of(&f.attrs));
            } else {
                let tramp = format_ident!("__set_{}", rust);
                code.push(quote! { #[allow(unused_unsafe, clippy::all)] unsafe extern "C" fn #tramp(__slf: *mut ::abi::PyObject, __v: *mut ::abi::PyObject, _c: *mut ::core::ffi::c_void) -> ::core::ffi::c_int {
                    ::runtime::convert::guard_int(|| {
                        // SAFETY: the setter's contract.
                        unsafe { ::runtime::convert::IntoUnit::into_unit(<#ty>::#id(#slf, ::runtime::object::Object::from_ptr_opt(__v))) }
                    })
                } });
                entry.1 = Some(quote!(Some(#tramp)));
            }
        }
    }
    for (id, path) in &o.slots {
        let sid = format_ident!("Py_{}", id);
        slots.push(quote!(::runtime::typeobject::SlotDef(::abi::#sid, #path as *const ())));
    }
    let mut gs_rows = Vec::new();
    for name in &order {
        let (g, s, d) = &getset[name];
        let g = g.clone().unwrap_or(quote!(None));
        let s = s.clone().unwrap_or(quote!(None));
        let cname = func::cstr(name)?;
        let d = match d {
            Some(d) => {
                let c = func::cstr(d)?;
                quote!(#c.as_ptr())
            }
            None => quote!(::core::ptr::null()),
        };
        gs_rows.push(quote!(::runtime::convert::getset_def(#cname, #g, #s, #d)));
    }
    let mem_rows = members(o.members.as_deref().unwrap_or(""))?;
    let short = o.name.clone().unwrap_or_else(|| ident.clone());
    let full = match &o.module {
        Some(m) => format!("{m}.{short}"),
        None => short,
    };
    let cname = func::cstr(&full)?;
    let cdoc = match &doc {
        Some(d) => {
            let c = func::cstr(d)?;
            quote!(Some(#c))
        }
        None => quote!(None),
    };
    let (statics, type_object) = match &o.type_object {
        Some(p) => (quote!(), quote!(#p)),
        None => {
            let s = format_ident!("{}_TYPE", ident.to_uppercase());
            (
                quote! {
                    #[allow(non_upper_case_globals)]
                    pub static mut #s: ::runtime::object::Type = ::runtime::objects::singletons::unready_type();
                    ::runtime::py_layout!(#ty, #s);
                },
                quote!(#s),
            )
        }
    };
    let base = match &o.base {
        Some(b) => quote!(Some(<#b as ::runtime::object::PyClass>::type_object)),
        None => quote!(None),
    };
    let or0 = |e: &Option<Expr>| match e {
        Some(e) => quote!((#e) as isize),
        None => quote!(0),
    };
    let (dictoffset, weaklistoffset, vectorcalloffset) =
        (or0(&o.dictoffset), or0(&o.weaklistoffset), or0(&o.vectorcalloffset));
    let basicsize = match &o.basicsize {
        Some(e) => quote!((#e) as usize),
        None => quote!(::core::mem::size_of::<__Slf>()),
    };
    let itemsize = match &o.itemsize {
        Some(e) => quote!((#e) as usize),
        None => quote!(0),
    };
    let flags = flags(&o.flags);
    let (nm, ng, nmem) = (methods.len() + 1, gs_rows.len() + 1, mem_rows.len() + 1);
    Ok(quote! {
        #imp
        #statics
        #[allow(non_local_definitions, clippy::all)]
        const _: () = {
            type __Slf = #ty;
            #(#code)*
            // Writable: extensions replace the functions of built-in methods in place (time-machine does).
            #[unsafe(link_section = ".data")]
            static __METHODS: ::runtime::convert::Table<::abi::PyMethodDef, #nm> = ::runtime::convert::Table([#(#methods,)* ::runtime::convert::method_end()]);
            static __GETSET: ::runtime::convert::Table<::abi::PyGetSetDef, #ng> = ::runtime::convert::Table([#(#gs_rows,)* ::runtime::convert::getset_end()]);
            static __MEMBERS: ::runtime::convert::Table<::abi::PyMemberDef, #nmem> = ::runtime::convert::Table([#(#mem_rows,)* ::runtime::convert::member_end()]);
            static __SLOTS: &[::runtime::typeobject::SlotDef] = &[#(#slots),*];
            static __SPEC: ::runtime::typeobject::TypeSpec = ::runtime::typeobject::TypeSpec {
                name: #cname,
                type_object: &raw mut #type_object,
                basicsize: #basicsize,
                itemsize: #itemsize,
                flags: #flags,
                base: #base,
                doc: #cdoc,
                slots: __SLOTS,
                methods: &__METHODS.0,
                getset: &__GETSET.0,
                members: &__MEMBERS.0,
                dictoffset: #dictoffset,
                weaklistoffset: #weaklistoffset,
                vectorcalloffset: #vectorcalloffset,
            };
            impl ::runtime::convert::HasSpec for #ty {
                fn spec() -> &'static ::runtime::typeobject::TypeSpec {
                    &__SPEC
                }
            }
        };
    })
}
