// INT8 x INT8: the unit that the others are compared with.
//
// Every unit in this folder has these ports and adds one pair of operands per clock to a registered sum of 32 bits:
//
//   weight, activation   the operands, in the low bits where a format has fewer than eight. A weight is a code as Graticule
//                        stores it (kernels/api/code_grid.h); an INT8 activation is the input's integer, two's complement
//   start                this pair is the first of a new sum
//   load, constants      constants of the weight's channel or group, for the pairs from the next clock on. A unit without
//                        such constants does not look at them
//
// An integer code counts from the channel's zero point. The unit takes off half the range, which only turns the top bit
// over and is the whole zero point of a symmetric channel. What an asymmetric channel's zero point differs from it is taken
// off after the sum: (half range - zero) x the sum of the inputs, which all channels share.
//
// A product_* module is a unit without its accumulator; mac_* is the unit.
module product_int8_int8 (
    input logic clock,
    input logic load,
    input logic [11:0] constants,
    input logic [7:0] weight,
    input logic [7:0] activation,
    output logic signed [15:0] term
);
    signed_product #(.COLUMNS(8), .ROWS(8)) multiplier (
        .a(activation), .b({~weight[7], weight[6:0]}), .product(term)
    );
endmodule

module mac_int8_int8 (
    input logic clock,
    input logic start,
    input logic load,
    input logic [11:0] constants,
    input logic [7:0] weight,
    input logic [7:0] activation,
    output logic signed [31:0] sum
);
    logic signed [15:0] term;
    product_int8_int8 product (.*);
    accumulator #(.WIDTH(16)) total (.*);
endmodule
