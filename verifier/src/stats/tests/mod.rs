mod bounds;
mod evidence;
mod rules;
mod simulation;
mod special;

/// Close to 1e-8, the tolerance that published values of `ln E` are given to.
#[track_caller]
fn near(name: &str, seen: f64, expected: f64) {
    within(name, seen, expected, 1e-8);
}

#[track_caller]
fn within(name: &str, seen: f64, expected: f64, tolerance: f64) {
    assert!(
        (seen - expected).abs() <= tolerance,
        "{name}: {seen:.12} instead of {expected:.12}"
    );
}
