// Logarithm, exponential and square root with the same bits on every machine, compiler and
// optimisation level: they use only the basic IEEE 754 operations, which libm's versions do not
// promise. Accuracy about 2 ulp, tested against libm.
#ifndef SLUICE_BASE_MATH_H_
#define SLUICE_BASE_MATH_H_

namespace sluice {

// Natural logarithm; x > 0 and finite. Ln(0) is -infinity, of a negative number NaN.
double Ln(double x);
// e^x; 0 below about -745, +infinity above about 709.
double Exp(double x);
// Correctly rounded (the IEEE operation).
double Sqrt(double x);

}  // namespace sluice

#endif  // SLUICE_BASE_MATH_H_
