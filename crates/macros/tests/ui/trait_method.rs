use tenfold_macros::function;

struct Tensor;

trait Layer {
    fn call(&self, x: &Tensor);
}

struct Dense;

impl Layer for Dense {
    #[function(crate = crate::stub)]
    fn call(&self, _: &Tensor) {}
}

/// As much of Tenfold as the written code names.
mod stub {
    pub mod __private {
        pub struct Options;
        impl Options {
            pub const DEFAULT: Options = Options;
        }
        pub struct Function;
        impl Function {
            pub const fn new(_: &str, _: Options) -> Function {
                Function
            }
        }
        pub struct Visitor;
        pub struct Run;
        impl Run {
            pub fn run(self, _: impl FnOnce()) {}
        }
        pub struct Pending;
        impl Pending {
            pub fn trace(self, _: &dyn Fn(&mut Visitor), _: impl FnOnce(&mut Visitor)) {}
        }
        pub enum Route {
            Run(Run),
            Done(()),
            Trace(Pending),
        }
        pub fn call<T>(_: &Function, _: &str, _: &dyn Fn(&mut Visitor)) -> Route {
            Route::Done(())
        }
        pub fn argument<T>(_: &mut Visitor, _: &str, _: &T) {}
        pub fn lend<'a, T>(_: &mut Visitor, x: &'a T) -> &'a T {
            x
        }
        pub fn instance_of<T>(_: T) -> &'static str {
            ""
        }
    }
}

fn main() {}
