//! Symbol tables for the module `symtable`: the blocks of a source as plain data.

use crate::error::Result;
use crate::symtable::{self, BlockKind, Where};
use crate::{Options, ast, parse, source};

/// A block of a source.
pub struct Block {
    /// Name of what opened it
    pub name: ast::Ident,
    /// `_symtable.TYPE_*`
    pub kind: u8,
    /// First line
    pub lineno: i32,
    /// Inside a function
    pub nested: bool,
    /// Parameters
    pub varnames: Vec<ast::Ident>,
    /// Names with their flags and places, as `_symtable` packs them
    pub symbols: Vec<(ast::Ident, u32)>,
    /// Blocks inside
    pub children: Vec<Block>,
}

/// The tables of a source text.
pub fn blocks(text: &str, opts: &Options) -> Result<Block> {
    let text = parse::normalize(text);
    let (tree, _) = parse::parse_normalized(&text, opts)?;
    let index = source::LineIndex::new(&text);
    let src = symtable::Src(Some((&text, &index)));
    stacker::maybe_grow(1 << 20, 16 << 20, || {
        let (future, _) = crate::fold::future(&tree, src)?;
        let flags = opts.future_flags | future;
        let table = symtable::build(&tree, src, flags & crate::code::co::FUTURE_ANNOTATIONS != 0, false)?;
        let top = convert(&table, 0);
        parse::drop_deep(tree);
        Ok(top)
    })
}

fn convert(table: &symtable::SymbolTable, id: usize) -> Block {
    let s = &table.scopes[id];
    let kind = match s.kind {
        BlockKind::Function => 0,
        BlockKind::Class => 1,
        BlockKind::Module => 2,
        BlockKind::Annotation => 3,
        BlockKind::TypeAlias => 4,
        BlockKind::TypeParameters => 5,
        BlockKind::TypeVariable => 6,
    };
    let place = |p: Where| match p {
        Where::Unknown => 0,
        Where::Local => 1,
        Where::GlobalExplicit => 2,
        Where::GlobalImplicit => 3,
        Where::Free => 4,
        Where::Cell => 5,
    };
    Block {
        name: s.name.clone(),
        kind,
        lineno: s.loc.lineno,
        nested: s.nested,
        varnames: s.varnames.clone(),
        symbols: s.symbols.iter().map(|(n, sym)| (n.clone(), sym.flags | place(sym.place) << 12)).collect(),
        children: s.children.iter().map(|c| stacker::maybe_grow(64 << 10, 4 << 20, || convert(table, *c))).collect(),
    }
}
