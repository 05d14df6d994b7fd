//! (to be written) Placeholder names.
pub struct FuncArgs<'a>(core::marker::PhantomData<&'a ()>);
pub enum Arg<T> {
    Missing,
    Given(T),
}
pub trait FromPy<'a>: Sized {}
pub trait IntoPy {}
