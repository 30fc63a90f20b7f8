// dINT4 x INT8 for symmetric channels alone, to measure what the zero point costs. Ports: mac_int8_int8.sv.
//
// With the zero point fixed at 7 a lattice code is a number of four bits and a special is +-1, so that the multiplier is that
// of INT4 x INT8. The half step is the paper's bit shift word by word: the product of a lattice code moves one place to the
// left, that of a special does not. The sum counts half steps.
module product_dint4_int8_symmetric (
    input logic clock,
    input logic load,
    input logic [11:0] constants,
    input logic [7:0] weight,
    input logic [7:0] activation,
    output logic signed [12:0] term
);
    logic special;
    logic signed [3:0] steps;
    logic signed [11:0] whole;
    assign special = &weight[3:1];
    assign steps = special ? {{3{weight[0]}}, 1'b1} : weight[3:0] - 4'd7;
    signed_product #(.COLUMNS(8), .ROWS(4)) multiplier (.a(activation), .b(steps), .product(whole));
    assign term = special ? 13'(whole) : {whole, 1'b0};
endmodule

module mac_dint4_int8_symmetric (
    input logic clock,
    input logic start,
    input logic load,
    input logic [11:0] constants,
    input logic [7:0] weight,
    input logic [7:0] activation,
    output logic signed [31:0] sum
);
    logic signed [12:0] term;
    product_dint4_int8_symmetric product (.*);
    accumulator #(.WIDTH(13)) total (.*);
endmodule
