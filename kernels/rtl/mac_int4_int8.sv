// INT4 x INT8: half the rows of INT8 x INT8, the same accumulator. Ports: mac_int8_int8.sv.
//
// A code 0..15 means code - 8 here; what is left of an asymmetric channel's zero point is taken off after the sum.
module product_int4_int8 (
    input logic clock,
    input logic load,
    input logic [11:0] constants,
    input logic [7:0] weight,
    input logic [7:0] activation,
    output logic signed [11:0] term
);
    signed_product #(.COLUMNS(8), .ROWS(4)) multiplier (
        .a(activation), .b({~weight[3], weight[2:0]}), .product(term)
    );
endmodule

module mac_int4_int8 (
    input logic clock,
    input logic start,
    input logic load,
    input logic [11:0] constants,
    input logic [7:0] weight,
    input logic [7:0] activation,
    output logic signed [31:0] sum
);
    logic signed [11:0] term;
    product_int4_int8 product (.*);
    accumulator #(.WIDTH(12)) total (.*);
endmodule
