//! Both faces of a user's function from one definition.

/// Methods and free functions, panicking and fallible, from one body that gives a `Result`:
///
/// `faces! { /// doc  pub fn sqrt / try_sqrt(x: &Tensor) = apply1(&SQRT, &[x], Attrs::new()); }`
///
/// makes `Tensor::sqrt`, `Tensor::try_sqrt`, `sqrt` and `try_sqrt`. The first parameter is the receiver; further ones
/// may be of any type. With `operand x` the free functions take numbers there too.
macro_rules! faces {
    ($($(#[$m:meta])* pub fn $n:ident / $t:ident ($x:ident: &Tensor $(, $a:ident: $ty:ty)* $(,)?) $(-> $out:ty)? = $e:expr;)*) => { $(
        impl $crate::Tensor {
            $(#[$m])*
            #[doc = concat!("\n# Panics\n\nIf the inputs do not fit; the fallible twin is [`", stringify!($t), "`](Self::", stringify!($t), ").")]
            #[track_caller]
            #[inline]
            pub fn $n(&self $(, $a: $ty)*) -> $crate::tensor::faces!(@out $($out)?) {
                $crate::error::OrRaise::or_raise(self.$t($($a),*))
            }
            #[doc = concat!("Like [`", stringify!($n), "`](Self::", stringify!($n), "), but returns the error.")]
            #[track_caller]
            #[inline]
            pub fn $t(&self $(, $a: $ty)*) -> $crate::Result<$crate::tensor::faces!(@out $($out)?)> {
                $t(self $(, $a)*)
            }
        }
        $crate::tensor::free_faces! { $(#[$m])* pub fn $n / $t($x: &$crate::Tensor $(, $a: $ty)*) $(-> $out)? = $e; }
    )* };
    ($($(#[$m:meta])* pub fn $n:ident / $t:ident (operand $x:ident, operand $y:ident $(, $a:ident: $ty:ty)* $(,)?) = $e:expr;)*) => { $(
        impl $crate::Tensor {
            $(#[$m])*
            #[doc = concat!("\n# Panics\n\nIf the inputs do not fit; the fallible twin is [`", stringify!($t), "`](Self::", stringify!($t), ").")]
            #[track_caller]
            #[inline]
            pub fn $n(&self, $y: impl $crate::AsOperand $(, $a: $ty)*) -> $crate::Tensor {
                $crate::error::OrRaise::or_raise(self.$t($y $(, $a)*))
            }
            #[doc = concat!("Like [`", stringify!($n), "`](Self::", stringify!($n), "), but returns the error.")]
            #[track_caller]
            #[inline]
            pub fn $t(&self, $y: impl $crate::AsOperand $(, $a: $ty)*) -> $crate::Result<$crate::Tensor> {
                $t(self, $y $(, $a)*)
            }
        }
        $(#[$m])*
        #[doc = concat!("\n# Panics\n\nIf the inputs do not fit; the fallible twin is [`", stringify!($t), "`].")]
        #[track_caller]
        #[inline]
        pub fn $n($x: impl $crate::AsOperand, $y: impl $crate::AsOperand $(, $a: $ty)*) -> $crate::Tensor {
            $crate::error::OrRaise::or_raise($t($x, $y $(, $a)*))
        }
        #[doc = concat!("Like [`", stringify!($n), "`](fn@", stringify!($n), "), but returns the error.")]
        #[track_caller]
        #[inline]
        pub fn $t($x: impl $crate::AsOperand, $y: impl $crate::AsOperand $(, $a: $ty)*) -> $crate::Result<$crate::Tensor> {
            let ($x, $y) = $crate::tensor::operands(stringify!($n), &$x, &$y)?;
            let ($x, $y) = (&*$x, &*$y);
            $e
        }
    )* };
    (@out) => { $crate::Tensor };
    (@out $out:ty) => { $out };
}
pub(crate) use faces;

/// A free function and its twin from one body that gives a `Result`.
macro_rules! free_faces {
    ($($(#[$m:meta])* pub fn $n:ident / $t:ident ($($a:ident: $ty:ty),* $(,)?) $(-> $out:ty)? = $e:expr;)*) => { $(
        $(#[$m])*
        #[doc = concat!("\n# Panics\n\nIf the inputs do not fit; the fallible twin is [`", stringify!($t), "`].")]
        #[track_caller]
        #[inline]
        pub fn $n($($a: $ty),*) -> $crate::tensor::faces!(@out $($out)?) {
            $crate::error::OrRaise::or_raise($t($($a),*))
        }
        #[doc = concat!("Like [`", stringify!($n), "`](fn@", stringify!($n), "), but returns the error.")]
        #[track_caller]
        pub fn $t($($a: $ty),*) -> $crate::Result<$crate::tensor::faces!(@out $($out)?)> {
            $e
        }
    )* };
}
pub(crate) use free_faces;
