// Package footprint tests what a program gets into its build by importing the
// driver.
package footprint
