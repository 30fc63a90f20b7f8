// FP8 E4M3 x FP8 E4M3 with a float32 sum. Ports: mac_int8_int8.sv.
//
// Both operands are OCP's bits, sign, exponent (4, bias 7), mantissa (3); 1111.111 is NaN, there is no infinity. (Graticule
// stores E4M3 codes by rank; whoever feeds a unit sends the bits that files hold.)
//
// A product is exact: two significands of 4 bits make 8. Products reach from 2^-18 to 448 x 448 < 2^18, so an exact sum of
// integers would need more than the 37 bits of one product; with 32 bits the sum is a float, as it is on GPUs.
// value = significand x 2^(exponent - 10): a subnormal (exponent bits 0) has no hidden bit and the exponent of the first
// normal number.
module fp8_parts (
    input logic [6:0] magnitude,
    output logic [3:0] significand,
    output logic [3:0] exponent,
    output logic is_nan
);
    logic subnormal;
    assign subnormal = magnitude[6:3] == 0;
    assign significand = {~subnormal, magnitude[2:0]};
    assign exponent = {magnitude[6:4], magnitude[3] | subnormal};
    assign is_nan = &magnitude;
endmodule

module product_fp8_fp8 (
    input logic clock,
    input logic load,
    input logic [11:0] constants,
    input logic [7:0] weight,
    input logic [7:0] activation,
    output logic [31:0] term
);
    logic [3:0] significand_w, significand_x, exponent_w, exponent_x;
    logic nan_w, nan_x;
    fp8_parts parts_w (
        .magnitude(weight[6:0]), .significand(significand_w), .exponent(exponent_w), .is_nan(nan_w)
    );
    fp8_parts parts_x (
        .magnitude(activation[6:0]), .significand(significand_x), .exponent(exponent_x), .is_nan(nan_x)
    );

    // Subnormal operands leave the leading one anywhere: it moves up to bit 7, whose weight in float32 is 1.
    logic [7:0] exact, normal;
    logic [2:0] places;
    assign exact = 8'(significand_w) * 8'(significand_x);
    always_comb begin
        normal = exact;
        for (int step = 2; step >= 0; step--) begin
            places[step] = (normal >> (8 - (1 << step))) == 0;
            if (places[step]) normal = normal << (1 << step);
        end
    end

    // exact x 2^(ew + ex - 20) = normal/128 x 2^(ew + ex - 20 + 7 - places); float32's bias is 127.
    logic [7:0] float_exponent;
    assign float_exponent = 8'(exponent_w) + 8'(exponent_x) + 8'd114 - 8'(places);

    always_comb
        if (nan_w | nan_x) term = 32'h7fc00000;
        else if (exact == 0) term = 32'd0;
        else term = {weight[7] ^ activation[7], float_exponent, normal[6:0], 16'd0};
endmodule

module mac_fp8_fp8 (
    input logic clock,
    input logic start,
    input logic load,
    input logic [11:0] constants,
    input logic [7:0] weight,
    input logic [7:0] activation,
    output logic [31:0] sum
);
    logic [31:0] term;
    product_fp8_fp8 product (.*);
    float_accumulator total (.*);
endmodule
