//! Checks of values, under the names of `tf.debugging`: each is an [`assert`](fn@crate::assert) that says what was
//! compared. Eagerly and in traced functions a failed check ends the call, and nothing that stands after it has happened.

use crate::error::Result;
use crate::ops;
use crate::tensor::{AsOperand, Tensor, free_faces};

/// Asserts a comparison and shows both sides if it fails.
#[track_caller]
fn compare(holds: Tensor, x: &Tensor, template: &'static str) -> Result<()> {
    ops::try_assert(&holds, template, &[x])
}

free_faces! {
    /// Fails unless `x` and `y` are equal, element by element, after broadcasting.
    ///
    /// Source: `tf.debugging.assert_equal`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// tf::debugging::assert_equal(&tf::constant([1, 1]), 1);
    /// assert!(tf::debugging::try_assert_equal(&tf::constant([1, 2]), 1).is_err());
    /// ```
    pub fn assert_equal / try_assert_equal(x: &Tensor, y: impl AsOperand) -> () =
        compare(x.try_equal(y)?, x, "x == y must hold, x is {}");
    /// Fails if `x` and `y` are equal in any element, after broadcasting.
    ///
    /// Source: `tf.debugging.assert_none_equal`.
    pub fn assert_none_equal / try_assert_none_equal(x: &Tensor, y: impl AsOperand) -> () =
        compare(x.try_not_equal(y)?, x, "x != y must hold, x is {}");
    /// Fails unless `x < y`, element by element, after broadcasting.
    ///
    /// Source: `tf.debugging.assert_less`.
    pub fn assert_less / try_assert_less(x: &Tensor, y: impl AsOperand) -> () =
        compare(x.try_less(y)?, x, "x < y must hold, x is {}");
    /// Fails unless `x <= y`, element by element, after broadcasting.
    ///
    /// Source: `tf.debugging.assert_less_equal`.
    pub fn assert_less_equal / try_assert_less_equal(x: &Tensor, y: impl AsOperand) -> () =
        compare(x.try_less_equal(y)?, x, "x <= y must hold, x is {}");
    /// Fails unless `x > y`, element by element, after broadcasting.
    ///
    /// Source: `tf.debugging.assert_greater`.
    pub fn assert_greater / try_assert_greater(x: &Tensor, y: impl AsOperand) -> () =
        compare(x.try_greater(y)?, x, "x > y must hold, x is {}");
    /// Fails unless `x >= y`, element by element, after broadcasting.
    ///
    /// Source: `tf.debugging.assert_greater_equal`.
    pub fn assert_greater_equal / try_assert_greater_equal(x: &Tensor, y: impl AsOperand) -> () =
        compare(x.try_greater_equal(y)?, x, "x >= y must hold, x is {}");
    /// Fails unless all elements are above zero.
    ///
    /// Source: `tf.debugging.assert_positive`.
    pub fn assert_positive / try_assert_positive(x: &Tensor) -> () =
        compare(x.try_greater(0)?, x, "x > 0 must hold, x is {}");
    /// Fails unless all elements are zero or above.
    ///
    /// Source: `tf.debugging.assert_non_negative`.
    pub fn assert_non_negative / try_assert_non_negative(x: &Tensor) -> () =
        compare(x.try_greater_equal(0)?, x, "x >= 0 must hold, x is {}");
    /// Fails unless `|x - y| <= atol + rtol·|y|`, element by element, for floats.
    ///
    /// Source: `tf.debugging.assert_near`, whose default for both tolerances is ten times the dtype's epsilon.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// tf::debugging::assert_near(&tf::constant([1.0]), &tf::constant([1.0001]), 1e-3, 0.0);
    /// ```
    pub fn assert_near / try_assert_near(x: &Tensor, y: &Tensor, rtol: f64, atol: f64) -> () = {
        let allowed = y.try_abs()?.try_multiply(rtol)?.try_add(atol)?;
        let holds = x.try_subtract(y)?.try_abs()?.try_less_equal(&allowed)?;
        ops::try_assert(&holds, "x and y must be near, x is {}, y is {}", &[x, y])
    };
    /// Fails if an element is NaN or infinite; gives the tensor back, so that it can stand inside an expression.
    ///
    /// Source: `tf.debugging.check_numerics`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([1.0, 0.0]);
    /// assert!(tf::debugging::try_check_numerics(&x.log(), "the logarithm").is_err());
    /// ```
    pub fn check_numerics / try_check_numerics(x: &Tensor, message: &'static str) -> Tensor = {
        ops::try_assert(&x.try_is_finite()?, message, &[])?;
        Ok(x.clone())
    };
}
