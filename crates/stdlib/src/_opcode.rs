//! `_opcode`: what `opcode` and `dis` ask about the instruction set.

use macros::pymodule;

#[pymodule(name = "_opcode", doc = "Opcode support module.", gil = not_used)]
pub mod _opcode {
    use compiler::opcode as oc;
    use runtime::prelude::*;

    #[pyattr]
    #[allow(non_snake_case)]
    fn ENABLE_SPECIALIZATION() -> bool {
        true
    }
    #[pyattr]
    #[allow(non_snake_case)]
    fn ENABLE_SPECIALIZATION_FT() -> bool {
        true
    }

    /// Ranges of opcode numbers, both ends included.
    type Ranges = &'static [(i32, i32)];
    // Code is shown with CPython's numbers (see `objects::codeview`), so these are what CPython 3.14 answers, its
    // specialised, instrumented and pseudo instructions included.
    fn within(opcode: i32, ranges: Ranges) -> bool {
        ranges.iter().any(|(a, b)| (*a..=*b).contains(&opcode))
    }
    fn known(opcode: i32) -> bool {
        within(opcode, VALID)
    }
    const VALID: Ranges = &[(0, 120), (128, 211), (234, 266)];

    /// Return True if opcode is valid, False otherwise.
    #[pyfunction(sig = "opcode")]
    fn is_valid(opcode: i32) -> bool {
        within(opcode, VALID)
    }
    /// Return True if the opcode uses its oparg, False otherwise.
    #[pyfunction(sig = "opcode")]
    fn has_arg(opcode: i32) -> bool {
        within(
            opcode,
            &[
                (44, 120),
                (128, 128),
                (143, 153),
                (155, 195),
                (197, 197),
                (200, 200),
                (209, 211),
                (237, 237),
                (239, 239),
                (241, 245),
                (247, 251),
                (253, 253),
                (255, 255),
                (257, 261),
                (263, 266),
            ],
        )
    }
    /// Return True if the opcode accesses a constant, False otherwise.
    #[pyfunction(sig = "opcode")]
    fn has_const(opcode: i32) -> bool {
        within(opcode, &[(82, 82), (190, 191)])
    }
    /// Return True if the opcode accesses an attribute by name, False otherwise.
    #[pyfunction(sig = "opcode")]
    fn has_name(opcode: i32) -> bool {
        within(
            opcode,
            &[
                (61, 61),
                (64, 65),
                (72, 73),
                (80, 80),
                (91, 93),
                (96, 96),
                (110, 110),
                (115, 116),
                (179, 179),
                (189, 189),
                (194, 195),
                (200, 200),
                (249, 249),
            ],
        )
    }
    /// Return True if the opcode has a jump target, False otherwise.
    #[pyfunction(sig = "opcode")]
    fn has_jump(opcode: i32) -> bool {
        within(
            opcode,
            &[(68, 68), (70, 70), (75, 77), (100, 103), (106, 106), (172, 176), (237, 237), (248, 248), (257, 260)],
        )
    }
    /// Return True if the opcode accesses a free variable, False otherwise.
    #[pyfunction(sig = "opcode")]
    fn has_free(opcode: i32) -> bool {
        within(opcode, &[(62, 62), (90, 90), (97, 97), (111, 111)])
    }
    /// Return True if the opcode accesses a local variable, False otherwise.
    #[pyfunction(sig = "opcode")]
    fn has_local(opcode: i32) -> bool {
        within(opcode, &[(3, 3), (63, 63), (83, 89), (112, 114), (261, 261), (266, 266)])
    }
    /// Return True if the opcode sets an exception handler, False otherwise.
    #[pyfunction(sig = "opcode")]
    fn has_exc(opcode: i32) -> bool {
        within(opcode, &[(263, 265)])
    }
    /// Compute the stack effect of the opcode.
    #[pyfunction(sig = "opcode, oparg=None, /, *, jump=None")]
    fn stack_effect(opcode: i32, oparg: Option<u32>, jump: Option<bool>) -> PyResult<i32> {
        if !known(opcode) {
            return Err(raise!(ValueError, "invalid opcode or oparg"));
        }
        let (o, arg) = (opcode as u8, oparg.unwrap_or(0));
        Ok(match jump {
            Some(j) => oc::stack_effect(o, arg, j),
            None => oc::stack_effect(o, arg, false).max(oc::stack_effect(o, arg, true)),
        })
    }
    /// Return the specialization stats
    #[pyfunction]
    fn get_specialization_stats() -> PyRef {
        none_ref()
    }
    /// Return the executor object at offset in code if exists, None otherwise.
    #[pyfunction(sig = "*, code, offset")]
    fn get_executor(_code: &Object, _offset: i32) -> PyRef {
        none_ref()
    }
    /// Return a list of names of the unary intrinsics.
    #[pyfunction]
    fn get_intrinsic1_descs() -> Vec<&'static str> {
        vec![
            "INTRINSIC_1_INVALID",
            "INTRINSIC_PRINT",
            "INTRINSIC_IMPORT_STAR",
            "INTRINSIC_STOPITERATION_ERROR",
            "INTRINSIC_ASYNC_GEN_WRAP",
            "INTRINSIC_UNARY_POSITIVE",
            "INTRINSIC_LIST_TO_TUPLE",
            "INTRINSIC_TYPEVAR",
            "INTRINSIC_PARAMSPEC",
            "INTRINSIC_TYPEVARTUPLE",
            "INTRINSIC_SUBSCRIPT_GENERIC",
            "INTRINSIC_TYPEALIAS",
        ]
    }
    /// Return a list of names of the binary intrinsics.
    #[pyfunction]
    fn get_intrinsic2_descs() -> Vec<&'static str> {
        vec![
            "INTRINSIC_2_INVALID",
            "INTRINSIC_PREP_RERAISE_STAR",
            "INTRINSIC_TYPEVAR_WITH_BOUND",
            "INTRINSIC_TYPEVAR_WITH_CONSTRAINTS",
            "INTRINSIC_SET_FUNCTION_TYPE_PARAMS",
            "INTRINSIC_SET_TYPEPARAM_DEFAULT",
        ]
    }
    /// Return a list of special method names.
    #[pyfunction]
    fn get_special_method_names() -> Vec<&'static str> {
        vec!["__enter__", "__exit__", "__aenter__", "__aexit__"]
    }
    /// Return array of symbols of binary ops.
    #[pyfunction]
    fn get_nb_ops() -> PyResult<PyRef> {
        const NAMES: [&str; 13] = [
            "ADD",
            "AND",
            "FLOOR_DIVIDE",
            "LSHIFT",
            "MATRIX_MULTIPLY",
            "MULTIPLY",
            "REMAINDER",
            "OR",
            "POWER",
            "RSHIFT",
            "SUBTRACT",
            "TRUE_DIVIDE",
            "XOR",
        ];
        let mut v = Vec::new();
        for (i, text) in oc::nb::TEXT.iter().enumerate() {
            let name = match i {
                0..=12 => format!("NB_{}", NAMES[i]),
                13..=25 => format!("NB_INPLACE_{}", NAMES[i - 13]),
                _ => "NB_SUBSCR".to_string(),
            };
            let (a, b) = (Str::new(&name)?, Str::new(text)?);
            v.push(Tuple::from_slice(&[&a, &b])?.upcast());
        }
        Ok(List::from_vec(v)?.upcast())
    }
}
pub use _opcode::{DEF, INIT};
