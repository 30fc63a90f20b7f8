// E2M1 x E2M1, the elements of NVFP4 and MXFP4, with an integer sum. Ports: mac_int8_int8.sv.
//
// Both operands are OCP's bits, sign, exponent (2), mantissa (1): 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives. In half
// steps all are integers of at most 12, so that a product is an integer of quarters, at most 144, and the sum is exact. The
// scales of the two blocks (E4M3 in NVFP4) are applied to the sum of a block, outside.
//
// A value is significand x 2^shift: two bits (hidden bit, mantissa) and at most two places.
module fp4_parts (
    input logic [2:0] magnitude,
    output logic [1:0] significand,
    output logic [1:0] shift
);
    logic normal;
    assign normal = |magnitude[2:1];
    assign significand = {normal, magnitude[0]};
    assign shift = normal ? magnitude[2:1] - 2'd1 : 2'd0;
endmodule

module product_fp4_fp4 (
    input logic clock,
    input logic load,
    input logic [11:0] constants,
    input logic [7:0] weight,
    input logic [7:0] activation,
    output logic signed [8:0] term
);
    logic [1:0] significand_w, significand_x, shift_w, shift_x;
    fp4_parts parts_w (.magnitude(weight[2:0]), .significand(significand_w), .shift(shift_w));
    fp4_parts parts_x (.magnitude(activation[2:0]), .significand(significand_x), .shift(shift_x));

    logic [8:0] quarters;
    assign quarters = 9'(4'(significand_w) * 4'(significand_x)) << (3'(shift_w) + 3'(shift_x));
    logic negative; // two's complement: -n is ~n + 1
    assign negative = weight[3] ^ activation[3];
    assign term = (quarters ^ {9{negative}}) + 9'(negative);
endmodule

module mac_fp4_fp4 (
    input logic clock,
    input logic start,
    input logic load,
    input logic [11:0] constants,
    input logic [7:0] weight,
    input logic [7:0] activation,
    output logic signed [31:0] sum
);
    logic signed [8:0] term;
    product_fp4_fp4 product (.*);
    accumulator #(.WIDTH(9)) total (.*);
endmodule
