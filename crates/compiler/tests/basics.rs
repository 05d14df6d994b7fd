//! Code that verifies, errors in CPython's words, limits that hold.

use compiler::{CompileError, ErrorKind, Mode, Options, compile_source};

fn error(source: &str) -> CompileError {
    compile_source(source, &Options::default()).expect_err(source)
}

fn verified(source: &str) -> compiler::CodeData {
    let code = compile_source(source, &Options::default()).expect(source);
    compiler::dis::verify(&code).expect(source);
    code
}

#[test]
fn code_verifies() {
    for source in [
        "",
        "x = [i for i in a for j in i if j]\n",
        "def f(a, /, b=1, *c, d, e=2, **g):\n    try:\n        return a\n    except E as e:\n        pass\n    finally:\n        g()\n",
        "async def f():\n    async with a as b, c:\n        async for x in y:\n            yield [z async for z in x]\n",
        "match a:\n    case [1, *x, {'k': 2, **r}] if x: pass\n    case P(1, y=2) | None as q: pass\n    case _: pass\n",
        "class C[T: int, *Ts, **P](B, k=1):\n    a: T\n    if a:\n        b: int\n    def f(self):\n        return super().f(__class__)\n",
        "try: a\nexcept* E as e: b\nelse: c\nfinally: d\n",
        "type A[T] = [lambda: T for T in (T, [1])[1]]\n",
        "f'{a!r:>{w}} {b=}'; t'{a}{b:x}'\n",
    ] {
        verified(source);
    }
}

#[test]
fn comprehension_in_a_function_is_inlined() {
    let code = verified("def f(a):\n    return [x for x in a]\n");
    let nested = code.consts.iter().filter(|c| matches!(c, compiler::Const::Code(_))).count();
    assert_eq!(nested, 1);
}

#[test]
fn errors_in_cpythons_words() {
    for (source, msg, line, offset) in [
        ("x = (1,\n", "'(' was never closed", 1, 5),
        ("f() = 1\n", "cannot assign to function call here. Maybe you meant '==' instead of '='?", 1, 1),
        ("print 'a'\n", "Missing parentheses in call to 'print'. Did you mean print(...)?", 1, 1),
        ("[1 2]\n", "invalid syntax. Perhaps you forgot a comma?", 1, 2),
        ("if x = 3:\n  pass\n", "invalid syntax. Maybe you meant '==' or ':=' instead of '='?", 1, 4),
        ("return 1\n", "'return' outside function", 1, 1),
        ("def f(a, a): pass\n", "duplicate argument 'a' in function definition", 1, 10),
        ("x = 'abc\n", "unterminated string literal (detected at line 1)", 1, 5),
        (
            "0777\n",
            "leading zeros in decimal integer literals are not permitted; use an 0o prefix for octal integers",
            1,
            1,
        ),
        ("while 1\n  pass\n", "expected ':'", 1, 8),
    ] {
        let e = error(source);
        assert_eq!((e.msg.as_str(), e.lineno, e.offset), (msg, line, offset), "{source}");
    }
    let e = error("if 1:\npass\n");
    assert_eq!(
        (e.kind, e.msg.as_str()),
        (ErrorKind::Indentation, "expected an indented block after 'if' statement on line 1")
    );
}

#[test]
fn deep_sources_are_refused() {
    assert_eq!(error(&("-".repeat(100_000) + "1")).kind, ErrorKind::Memory);
    assert_eq!(error(&("a".to_string() + &".b".repeat(100_000))).kind, ErrorKind::Recursion);
    assert_eq!(error(&("(".repeat(1000) + &")".repeat(1000))).msg, "too many nested parentheses");
}

#[test]
fn incomplete_input() {
    let opts = Options { mode: Mode::Single, allow_incomplete: true, dont_imply_dedent: true, ..Options::default() };
    for (source, incomplete) in [("if 1:\n", true), ("(1,", true), ("a b\n", false), ("'''a", true)] {
        let e = compile_source(source, &opts).expect_err(source);
        assert_eq!(e.kind == ErrorKind::Incomplete, incomplete, "{source}");
    }
}

#[test]
fn lone_surrogates_survive() {
    let code = verified("x = '\\ud800'\n");
    assert!(code.consts.iter().any(|c| matches!(c, compiler::Const::Str(s) if s.as_bytes() == [0xed, 0xa0, 0x80])));
}
