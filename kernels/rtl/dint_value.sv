// A dINT code as a whole number of half steps from the middle of the range (Lee et al. 2023, section 4.2, Eq. 6; our codes:
// kernels/api/code_grid.h).
//
// Of 2^BITS codes the last two are special. The others lie on the lattice of whole steps and count from the channel's zero
// point; the specials are half a step from *true* zero, whatever the zero point is:
//
//   code                      value, in steps
//   0 .. 2^BITS - 3           code - zero
//   2^BITS - 2   (1..10)      +1/2
//   2^BITS - 1   (1..11)      -1/2
//
// True zero is where the lattice has its zero point: seen from the lattice's own origin the specials are at zero + 1/2 and
// zero - 1/2. Written so, all codes count from one origin, and the zero point can be taken off after the sum as it is for INT
// (mac_int8_int8.sv). But the unit has to know it, to place the specials: it is a register in the unit.
//
// In half steps the lattice is moved one place to the left and a 1 in the place that becomes free is the half step: the
// paper's bit shift, done on the operand. zero - 1/2 is (zero - 1) + 1/2.
module dint_value #(
    parameter int BITS = 4
) (
    input logic [BITS-1:0] code,
    input logic [BITS-1:0] zero,
    output logic signed [BITS:0] half_steps
);
    localparam logic [BITS-1:0] MIDDLE = BITS'((1 << (BITS - 1)) - 1); // zero point of a symmetric channel

    logic special;
    logic signed [BITS-1:0] steps;
    assign special = &code[BITS-1:1];
    assign steps = (special ? zero : code) - MIDDLE - {{BITS - 1{1'b0}}, special & code[0]};
    assign half_steps = {steps, special};
endmodule
