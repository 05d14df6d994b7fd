//! `#[pymodule]`.

use crate::func::{self, Options, Receiver};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Error, Item, ItemMod, Result};

fn take(attrs: &mut Vec<Attribute>, name: &str) -> Option<Attribute> {
    let i = attrs.iter().position(|a| a.path().is_ident(name))?;
    Some(attrs.remove(i))
}

pub fn expand(attr: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let mut m: ItemMod = syn::parse2(item)?;
    let (mut name, mut doc, mut gil) = (m.ident.to_string(), func::doc_of(&m.attrs), "not_used".to_string());
    let parser = syn::meta::parser(|meta| {
        let key = meta.path.get_ident().map(|i| i.to_string()).unwrap_or_default();
        match key.as_str() {
            "name" => name = meta.value()?.parse::<syn::LitStr>()?.value(),
            "doc" => doc = Some(meta.value()?.parse::<syn::LitStr>()?.value()),
            "gil" => gil = meta.value()?.parse::<syn::Ident>()?.to_string(),
            _ => return Err(meta.error("unknown option")),
        }
        Ok(())
    });
    syn::parse::Parser::parse2(parser, attr)?;
    let vis = m.vis.clone();
    let ident = m.ident.clone();
    let Some((_, items)) = m.content.take() else {
        return Err(Error::new_spanned(&ident, "an inline module is needed"));
    };
    let (mut out, mut rows, mut extra, mut attrs_code, mut exec) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for mut item in items {
        if let Item::Fn(f) = &mut item {
            let cfg: Vec<Attribute> = f.attrs.iter().filter(|a| a.path().is_ident("cfg")).cloned().collect();
            if !cfg.is_empty() && f.attrs.iter().any(|a| a.path().is_ident("pyfunction")) {
                return Err(Error::new_spanned(&f.sig, "cfg on a #[pyfunction] is not supported: branch inside it"));
            }
            if let Some(a) = take(&mut f.attrs, "pyfunction") {
                let opts: Options = func::parse_options(&a)?;
                let id = &f.sig.ident;
                let meth = func::method((&*f).into(), quote!(#id), Receiver::Module, &opts, "fn")?;
                extra.push(meth.items);
                rows.push(meth.row);
            } else if let Some(a) = take(&mut f.attrs, "pyattr") {
                let opts = func::parse_options(&a)?;
                let id = &f.sig.ident;
                let pyname = opts.name.unwrap_or_else(|| func::safe(&id.to_string()));
                attrs_code
                    .push(quote!(#(#cfg)* __m.add(#pyname, ::runtime::convert::IntoPyResult::into_result(#id())?)?;));
            } else if take(&mut f.attrs, "exec").is_some() {
                let id = &f.sig.ident;
                exec.push(quote!(#id(__m)?;));
            }
        } else if let Item::Const(c) = &mut item
            && let Some(a) = take(&mut c.attrs, "pyattr")
        {
            let opts = func::parse_options(&a)?;
            let id = &c.ident;
            let cfg: Vec<Attribute> = c.attrs.iter().filter(|a| a.path().is_ident("cfg")).cloned().collect();
            let pyname = opts.name.unwrap_or_else(|| id.to_string());
            attrs_code.push(quote!(#(#cfg)* __m.add(#pyname, ::runtime::convert::IntoPyResult::into_result(#id)?)?;));
        }
        out.push(item);
    }
    let cname = func::cstr(&name)?;
    let cdoc = match &doc {
        Some(d) => {
            let c = func::cstr(d)?;
            quote!(#c.as_ptr())
        }
        None => quote!(::core::ptr::null()),
    };
    let n = rows.len() + 1;
    let gil = if gil == "used" { quote!(0) } else { quote!(1) };
    let attrs = &m.attrs;
    Ok(quote! {
        #(#attrs)*
        #vis mod #ident {
            #(#out)*
            #(#extra)*
            /// The method table, for a module put together from several parts.
            // Writable: extensions replace the functions of built-in functions in place (time-machine does).
            #[unsafe(link_section = ".data")]
            pub static __METHODS: ::runtime::convert::Table<::abi::PyMethodDef, #n> = ::runtime::convert::Table([#(#rows,)* ::runtime::convert::method_end()]);
            #[allow(unused_variables)]
            unsafe extern "C" fn __exec(__module: *mut ::abi::PyObject) -> ::core::ffi::c_int {
                ::runtime::convert::guard_int(|| {
                    // SAFETY: called by module initialisation with a module object.
                    let __m = unsafe { ::runtime::object::Object::from_ptr(__module).cast::<::runtime::objects::Module>() };
                    #(#attrs_code)*
                    #(#exec)*
                    Ok(())
                })
            }
            static __SLOTS: ::runtime::convert::Table<::abi::PyModuleDef_Slot, 4> = ::runtime::convert::Table([
                ::runtime::convert::module_slot(::abi::Py_mod_exec, __exec as *const ()),
                ::runtime::convert::module_slot(::abi::Py_mod_multiple_interpreters, ::core::ptr::without_provenance(2)),
                ::runtime::convert::module_slot(::abi::Py_mod_gil, ::core::ptr::without_provenance(#gil)),
                ::runtime::convert::module_slot(0, ::core::ptr::null()),
            ]);
            /// The module's definition (multi-phase initialisation).
            pub static DEF: ::runtime::convert::ModuleDefCell = ::runtime::convert::ModuleDefCell::new(#cname, #cdoc, &__METHODS.0, &__SLOTS.0);
            /// The module's name and init function, as the inittab wants them.
            pub const INIT: ::runtime::convert::InitTabEntry = ::runtime::convert::InitTabEntry { name: #name, def: &DEF };
        }
    })
}
